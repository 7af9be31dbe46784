"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from rayboot.metrics import Interval

ABSENT = "\N{EN DASH}"
"""In a table, for a number that there is not."""


def count(number: float, thing: str = "") -> str:
    """`1,234`, or with a thing `1 problem` and `1,234 problems`."""
    text = f"{number:,.0f}"
    return f"{text} {thing}{'' if number == 1 else 's'}" if thing else text


def compact(number: float) -> str:
    """`950`, `12.3k`, `4.56M`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}" if number < 999.5 * size else f"{number / size:.0f}{unit}"
    return f"{number:.3g}" if number < 100 else f"{number:.0f}"


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def percent_interval(interval: Interval) -> str:
    """`71.7% [63.3, 79.2]`."""
    return f"{percent(interval.mean)} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def points(interval: Interval) -> str:
    """A difference in percentage points: `+25.8 [17.5, 34.2]`."""
    mean, low, high = (100 * value for value in (interval.mean, interval.low, interval.high))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def duration(seconds: float) -> str:
    """`0.8 s`, `42 s`, `5 min 38 s`, `3 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def plain(name: str) -> str:
    """A key as words: `repair_on_first_prompt` is `repair on first prompt`."""
    return name.replace("_", " ")


def listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def shared_start(texts: Sequence[str]) -> int:
    """Characters that all texts begin with."""
    first, last = min(texts), max(texts)
    same = (number for number, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return next(same, len(first))
