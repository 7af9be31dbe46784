"""The verdict on a program, and the limits under which the program runs."""

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
    """Resource limits of one program, for all its tests together."""

    timeout: float = Field(default=10.0, gt=0.0, allow_inf_nan=False)
    """Seconds, both of the processor time of all processes and threads together, and of the time that passes while the
    program runs or sleeps. Time in which it waits because the machine's processors are busy with others does not count,
    up to twenty times the limit. A compiler has its own limit."""
    memory: int = Field(default=1 << 30, ge=1)
    """Bytes of all its processes together, shared memory included; for Python, bytes of address space."""
    output: int = Field(default=1 << 20, ge=0)
    """Bytes of standard output and standard error together."""


class Verdict(Frozen):
    """The outcome of running one program against its tests: enough to write any feedback without another run."""

    status: Status
    failing_test: int | None = None
    """Index of the first failed test among the problem's; None if all passed, or if no test was reached."""
    error_type: str = ""
    """Name of the exception's class, such as `ValueError`; `AssertionError` for a wrong answer to an assert."""
    message: str = ""
    """The exception's message, or one line on what happened."""
    line: int | None = None
    """Line of the program (1-based) where the exception arose, if known."""
    call: str = ""
    """Source of the call with the wrong result, such as `f(1, 2)`, or the standard input."""
    got: str = ""
    """The program's result: a shortened repr of a value, or a shortened text."""
    expected: str = ""
    """The right result, in the same form."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    """Peak resident memory in bytes."""
    stdout: str = ""
    """The beginning of the program's standard output."""
    stderr: str = ""
    tier: Tier = "A"
    """Isolation under which the program ran."""

    @property
    def passed(self) -> bool:
        return self.status == "passed"
