"""The limit on programs that the sandbox could not judge, above which a stage fails."""

from __future__ import annotations

from collections import Counter

from rayboot.errors import RaybootError

MAX_SHARE = 0.01
"""Highest share of programs without a verdict in a stage."""
MAX_FEW = 2
"""Number of programs without a verdict that is allowed in a small set, unless it is more than half of the set."""


def require_verdicts(unjudged: Counter[str], programs: int) -> None:
    """Raise if too many programs were not judged (`sandbox_error`).

    Args:
        unjudged: Number of programs that were not judged, by reason.
        programs: Number of all programs, or an upper bound.

    Raise RaybootError if there are too many; the message has the most common reason.
    """
    if unjudged.total() <= max(MAX_SHARE * programs, min(MAX_FEW, programs / 2)):
        return
    [(reason, _)] = unjudged.most_common(1)
    raise RaybootError(
        f"the sandbox could not judge {unjudged.total()} of {programs} programs, most often because: "
        f"{' '.join(reason.split()) or 'no reason was given'}. They count neither as right nor as wrong; remove the "
        "cause, and run it again (of a run, --resume repeats only these)"
    )
