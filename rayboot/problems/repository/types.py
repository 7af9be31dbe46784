"""A task on a repository, a model's answer, and its outcome in the harness."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rayboot.values import Frozen

Status = Literal["resolved", "unresolved", "empty_patch", "error", "not_run"]
"""`error`: the harness has no result, as for a patch that does not apply."""


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
