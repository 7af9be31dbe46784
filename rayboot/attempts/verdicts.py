"""Programs that the sandbox could not judge: too many of them are no result, but a stage that failed."""

from __future__ import annotations

from collections import Counter

from rayboot.errors import RaybootError

SHARE = 0.01
"""Programs without a verdict, of all, that a stage puts up with."""
FEW = 2
"""As many are put up with in a small set, if they are not more than half of it."""


def require_verdicts(unjudged: Counter[str], programs: int) -> None:
    """Refuse programs among which too many were not judged (`sandbox_error`).

    Args:
        unjudged: Programs by the reason why they were not.
        programs: Programs in all, or the most that there will be.

    Raises:
        RaybootError: With the most common reason.
    """
    if unjudged.total() <= max(SHARE * programs, min(FEW, programs / 2)):
        return
    [(reason, _)] = unjudged.most_common(1)
    raise RaybootError(
        f"the sandbox could not judge {unjudged.total()} of {programs} programs, most often because: "
        f"{' '.join(reason.split()) or 'no reason was given'}. They count neither as right nor as wrong; mend the "
        "cause, and --resume runs them again"
    )
