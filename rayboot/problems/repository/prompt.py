"""Prompts for tasks on repositories."""

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
    """Return the task's own prompt, if it has one; else a prompt from its statement and files of the base commit.

    Args:
        task: The task.
        sources: Texts of the files to show, by path in the repository. The caller chooses them. The files that the
            reference patch changes (`changed_files`) reveal where the bug is: SWE-bench calls that `oracle`.
    """
    if task.prompt:
        return task.prompt
    files = "\n".join(
        f"[start of {name}]\n{text.rstrip()}\n[end of {name}]" for name, text in (sources or {}).items()
    )
    tag = "issue" if task.benchmark == "swebench" else "failing tests"
    code = f"\n<code>\n{files}\n</code>" if files else ""
    return (
        f"Repair the repository {task.repository} at commit {task.base_commit}.\n"
        f"<{tag}>\n{task.statement.strip()}\n</{tag}>{code}\n"
        "Answer with one patch that `git apply` can apply there, a unified diff between tags as here:\n"
        f"<patch>\n{_FORMAT}\n</patch>\n"
    )
