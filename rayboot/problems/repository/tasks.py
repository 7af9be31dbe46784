"""A task on a repository, its prompt, a model's answer, and its outcome in the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from rayboot.values import Frozen

Status = Literal["resolved", "unresolved", "empty_patch", "error", "not_run"]
"""`error`: the harness has no result, as for a patch that does not apply."""


_FORMAT = """--- a/path/to/file
+++ b/path/to/file
@@ -12,3 +12,3 @@
 a line that stays
-a line to remove
+a line to put in its place
 a line that stays"""


class RepositoryTask(Frozen):
    """A repository to repair: one row of SWE-bench, or one bug of Defects4J."""

    id: str = Field(min_length=1)
    """The harness's id, such as `astropy__astropy-12907` or `Lang-1`."""
    benchmark: Literal["swebench", "defects4j"]
    split: str = ""
    repository: str
    """Such as `astropy/astropy`; for Defects4J the project, such as `Lang`."""
    base_commit: str
    """The commit to repair."""
    language: Literal["python", "java"]
    statement: str
    """The issue; for Defects4J the failing tests with their messages."""
    prompt: str = ""
    """A complete prompt, if the data set has one, as SWE-bench's `oracle` and `bm25` versions."""
    failing_tests: tuple[str, ...] = ()
    """Tests that must pass after the patch."""
    passing_tests: tuple[str, ...] = ()
    """Tests that must still pass, if the data set lists them."""
    reference_patch: str = ""
    """The developers' patch, a unified diff that applies to the base commit."""


class Prediction(Frozen):
    """A model's answer to a task."""

    task_id: str
    model: str
    """The model's name in the harness's reports."""
    patch: str
    """A unified diff; empty if the completion has none."""


class Outcome(Frozen):
    """The harness's result for one task."""

    task_id: str
    status: Status

    @property
    def resolved(self) -> bool:
        """Whether all required tests pass."""
        return self.status == "resolved"


def prompt_for(task: RepositoryTask, sources: Mapping[str, str] | None = None) -> str:
    """Return the task's own prompt, if it has one; else a prompt from its statement and files of the base commit.

    `sources` are the texts of the files to show, by path in the repository. The caller chooses them. The files that the
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
