"""What a model is asked about a repository."""

from __future__ import annotations

from collections.abc import Mapping

from rayboot.problems.repository.types import RepositoryTask

_FORMAT = """--- a/path/to/file
+++ b/path/to/file
@@ -12,3 +12,3 @@
 a line that stays
-a line to remove
+a line to put in its place
 a line that stays"""


def prompt_for(task: RepositoryTask, sources: Mapping[str, str] | None = None) -> str:
    """The task's own prompt, if it has one; else one made of its statement and of files of the base commit.

    Args:
        sources: Files to show, by name in the repository. Which they are is the caller's choice; those that the
            reference patch changes (`changed_files`) give away where the bug is: SWE-bench calls that `oracle`.
    """
    if task.prompt:
        return task.prompt
    files = "\n".join(
        f"[start of {name}]\n{text.rstrip()}\n[end of {name}]" for name, text in (sources or {}).items()
    )
    what = "issue" if task.benchmark == "swebench" else "failing tests"
    code = f"\n<code>\n{files}\n</code>" if files else ""
    return (
        f"Repair the repository {task.repository} at commit {task.base_commit}.\n"
        f"<{what}>\n{task.statement.strip()}\n</{what}>{code}\n"
        "Answer with one patch that `git apply` can apply there, a unified diff between tags as here:\n"
        f"<patch>\n{_FORMAT}\n</patch>\n"
    )
