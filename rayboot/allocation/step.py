"""An attempt as far as it matters to what comes next: what became of it, and what it cost."""

from __future__ import annotations

from rayboot.problems.types import Frozen

SKIPPED = "skipped"
"""Status of what stands for an attempt never made, because no prompt fitted the token budget."""


class Step(Frozen):
    """One attempt of a problem's history."""

    round: int
    """0 is a first attempt, 1.. are repairs."""
    status: str
    """The verdict's status, or `SKIPPED`."""
    error_type: str = ""
    failing_test: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    @property
    def made(self) -> bool:
        """Whether anything was generated."""
        return self.status != SKIPPED

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def kind(self) -> str:
        """The status, with the exception's name for programs that raised, such as `NameError`."""
        return self.error_type if self.status == "error" and self.error_type else self.status

    @property
    def situation(self) -> str:
        """The kind, and whether the first test was passed: a later one is often hidden, so that feedback says less."""
        return f"{self.kind}, first test passed" if self.failing_test else self.kind
