"""Format numbers for readers."""

from __future__ import annotations

from collections.abc import Sequence

from rayboot.metrics import Interval

ABSENT = "\N{EN DASH}"
"""Table cell for a missing value."""


def count(number: float, thing: str = "") -> str:
    """Return `1,234` or, with a noun, `1 problem` and `1,234 problems`."""
    text = f"{number:,.0f}"
    return f"{text} {thing}{'' if number == 1 else 's'}" if thing else text


def compact(number: float) -> str:
    """Return a short form: `950`, `12.3k`, `4.56M`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}" if number < 999.5 * size else f"{number / size:.0f}{unit}"
    return f"{number:.3g}" if number < 100 else f"{number:.0f}"


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def percent_interval(interval: Interval) -> str:
    """Return an interval in percent: `71.7% [63.3, 79.2]`."""
    return f"{percent(interval.mean)} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def duration(seconds: float) -> str:
    """Return a duration: `0.8 s`, `42 s`, `5 min 38 s`, `3 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def plain(name: str) -> str:
    """Return a key as words: `repair on first prompt` for `repair_on_first_prompt`."""
    return name.replace("_", " ")


def listed(parts: list[str]) -> str:
    """Join phrases: `a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def shared_start(texts: Sequence[str]) -> int:
    """Return the number of characters that all texts begin with."""
    first, last = min(texts), max(texts)
    same = (number for number, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return next(same, len(first))
