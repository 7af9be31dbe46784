"""What the sandbox says of a program, and the limits that it ran under."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rayboot.values import Frozen

Status = Literal[
    "passed",
    "failed",
    "error",
    "syntax_error",
    "timeout",
    "memory_limit",
    "output_limit",
    "crashed",
    "sandbox_error",
]
Tier = Literal["A", "B", "C", "runsc"]
Runtime = Literal["native", "runsc"]


class Limits(Frozen):
    """What one program may use, all its tests together."""

    timeout: float = Field(default=10.0, gt=0.0, allow_inf_nan=False)
    """Seconds: of processor time, all processes and threads together, and of time that passes while the program runs or
    sleeps. What it waits because the machine's processors are busy with others does not count, up to twenty times the
    limit. A compiler's time is apart."""
    memory: int = Field(default=1 << 30, ge=1)
    """Bytes of all its processes together, shared memory included; for Python, of address space."""
    output: int = Field(default=1 << 20, ge=0)
    """Bytes of standard output and standard error together."""


class Verdict(Frozen):
    """The outcome of running one program against its tests: enough to write every feedback without running again."""

    status: Status
    failing_test: int | None = None
    """Index into the problem's tests of the first that failed; None when all passed, or no test was reached."""
    error_type: str = ""
    """Name of the exception's class, such as `ValueError`; `AssertionError` for a wrong answer to an assert."""
    message: str = ""
    """The exception's message, or one line that says what happened."""
    line: int | None = None
    """Line of the program (1-based) where the exception arose, when that is known."""
    call: str = ""
    """Source of the call that gave the wrong answer, such as `f(1, 2)`, or the standard input."""
    got: str = ""
    """Shortened repr of the value, or text, that the program gave."""
    expected: str = ""
    """Shortened repr of the value, or text, that would have been right."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    """Bytes resident at most."""
    stdout: str = ""
    """The beginning of what the program printed."""
    stderr: str = ""
    tier: Tier = "A"
    """Strength of the isolation that the program ran under."""

    @property
    def passed(self) -> bool:
        return self.status == "passed"
