"""A task on a repository, what a model answers, and what the harness says of that."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rayboot.values import Frozen

Status = Literal["resolved", "unresolved", "empty_patch", "error", "not_run"]
"""`error`: the harness has no result, as of a patch that does not apply."""


class RepositoryTask(Frozen):
    """Something to repair in a repository: one row of SWE-bench, or one bug of Defects4J."""

    id: str = Field(min_length=1)
    """As the harness has it, such as `astropy__astropy-12907` or `Lang-1`."""
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
    """A whole prompt, where the data set has one, as SWE-bench's `oracle` and `bm25` versions."""
    failing_tests: tuple[str, ...] = ()
    """Those that the patch must make pass."""
    passing_tests: tuple[str, ...] = ()
    """Those that must go on passing, where the data set lists them."""
    reference_patch: str = ""
    """The developers' own, a unified diff that applies to the base commit."""


class Prediction(Frozen):
    """A model's answer to a task."""

    task_id: str
    model: str
    """The model's name in the harness's reports."""
    patch: str
    """A unified diff; empty where the completion held none."""


class Outcome(Frozen):
    """What the harness says of one task."""

    task_id: str
    status: Status

    @property
    def resolved(self) -> bool:
        """Whether all tests pass that should."""
        return self.status == "resolved"
