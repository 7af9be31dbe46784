"""The parts of the tables of hostile programs."""

from __future__ import annotations

from dataclasses import dataclass

SECRET = 1234567
"""The right answer: no program here can know it."""
QUESTION = f"assert f(1, 2) == {SECRET}"
NEAR = f"assert abs(f(1, 2) - {SECRET}.5) < 1e-6"
JUDGED = f"""
def check(candidate):
    for x in range(3):
        assert candidate(x, x) == {SECRET} + x
check(f)
"""
ESCAPED = "ESCAPED"
"""What a program prints or returns if it got something that it must not have."""


@dataclass(frozen=True)
class Attack:
    program: str
    verdicts: frozenset[str]
    """Permitted statuses of its verdict: never `passed`, and never `sandbox_error`."""
    got: str = ""
    """What `f` must have returned, if only that shows that the attempt was made and refused."""


def table(verdicts: str, programs: dict[str, str], got: str = "") -> dict[str, Attack]:
    """Return a table of programs that share their permitted verdicts, whose names are separated by spaces."""
    return {name: Attack(program, frozenset(verdicts.split()), got) for name, program in programs.items()}
