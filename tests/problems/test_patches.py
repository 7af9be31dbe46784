"""Unified diffs in completions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rayboot.problems.repository.patch import changed_files, extract_patch, reversed_patch

PATCH = """diff --git a/pkg/a.py b/pkg/a.py
index 83db48f..bf269f4 100644
--- a/pkg/a.py
+++ b/pkg/a.py
@@ -1,3 +1,3 @@
 import os
--- not a header, but a line that went
+++ not a header either
 # the end
@@ -10 +10,2 @@ def f():
-    return 1
+    x = 1\x0c
+    return x
\\ No newline at end of file
diff --git a/pkg/new.py b/pkg/new.py
new file mode 100644
index 0000000..d00491f
--- /dev/null
+++ b/pkg/new.py
@@ -0,0 +1 @@
+1
"""


@pytest.mark.parametrize(
    "completion",
    [
        PATCH,
        f"<patch>\n{PATCH}</patch>\n",
        f"I changed this:\n```diff\n{PATCH}```\nIt now works.",
        f"```python\nprint(1)\n```\nand so\n```patch\n{PATCH}```",
        f"The repair:\n\n{PATCH}\nThat is all.",
        f"<patch>\n{PATCH}",
        f"Like <diff>\n{PATCH}</diff> or <patch>\n--- a/other\n+++ b/other\n@@ -1 +1 @@\n-1\n+2\n</patch>",
    ],
)
def test_a_patch_is_found_anywhere(completion: str) -> None:
    assert extract_patch(completion) == PATCH


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "I cannot help.",
        "```python\ndef f(): ...\n```",
        "--- a/x\n+++ b/x\n",
        "<patch>\n</patch>",
        "- one\n+ two",
    ],
)
def test_without_a_patch_the_result_is_empty(completion: str) -> None:
    assert extract_patch(completion) == ""


def test_the_changed_files_are_those_that_were_there_before() -> None:
    assert changed_files(PATCH) == ["pkg/a.py"]


def test_a_reversed_patch_undoes_it(tmp_path: Path) -> None:
    before = "import os\n-- not a header, but a line that went\n# the end\n" + "#\n" * 6 + "    return 1\n"
    (tmp_path / "pkg").mkdir()
    file = tmp_path / "pkg" / "a.py"
    file.write_text(before)
    patch = PATCH.replace("\\ No newline at end of file\n", "")
    for step in (patch, reversed_patch(patch)):
        subprocess.run(["git", "apply", "-"], input=step.encode(), cwd=tmp_path, check=True)
    assert file.read_text() == before
    assert not (tmp_path / "pkg" / "new.py").exists()
    assert reversed_patch(reversed_patch(PATCH)) == PATCH
