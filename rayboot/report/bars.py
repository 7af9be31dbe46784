"""Stacked bars, one for each iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from rayboot.report.svg import axis, element, hit, picture, text
from rayboot.report.words import compact

WIDTH = 380
LEFT, RIGHT, TOP = 82, 74, 6
BAR, PITCH = 22, 32
BOTTOM = 24
CHARACTER = 6.6
"""Width of a digit at the size that charts are written in."""


class Bar(NamedTuple):
    name: str
    parts: Mapping[str, float]
    """In the order in which they are stacked."""


class Unit(NamedTuple):
    size: float
    name: str

    def tick(self, value: float) -> str:
        return f"{value:g} {self.name}" if self.name else compact(value)


ONE = Unit(1, "")


def bar_chart(
    title: str,
    bars: Sequence[Bar],
    styles: Mapping[str, str],
    show: Callable[[float], str],
    unit: Unit = ONE,
) -> Markup:
    """Args:
    styles: A class of colour for each part's name.
    show: How an amount is written.
    unit: What the axis counts in.
    """
    most = max(sum(bar.parts.values()) for bar in bars)
    across = axis(0, (most or 1) / unit.size, LEFT, WIDTH - RIGHT, 4)
    height = TOP + PITCH * len(bars) + BOTTOM
    grid = []
    for value in across.ticks:
        x = across.place(value)
        grid.append(element("line", class_="grid", x1=x, x2=x, y1=TOP, y2=height - BOTTOM))
        grid.append(text(x, height - 7, unit.tick(value), "middle", "faint"))
    label = f"{title}: " + "; ".join(
        f"{bar.name}: " + ", ".join(f"{name} {show(amount)}" for name, amount in bar.parts.items())
        for bar in bars
    )
    drawn = []
    for number, bar in enumerate(bars):
        y = TOP + PITCH * number + (PITCH - BAR) / 2
        total = sum(bar.parts.values())
        drawn.append(text(LEFT - 10, y + BAR / 2 + 4, bar.name, "end"))
        drawn.append(text(across.place(total / unit.size) + 6, y + BAR / 2 + 4, show(total), class_="strong"))
        at = 0.0
        for name, amount in bar.parts.items():
            left, right = (across.place(edge / unit.size) for edge in (at, at + amount))
            drawn.append(_part(left, right, y, styles[name], show(amount)))
            at += amount
        tip = "\n".join([bar.name, *(f"{name}: {show(amount)}" for name, amount in bar.parts.items())])
        drawn.append(hit(LEFT, y - 4, WIDTH - LEFT, BAR + 8, tip))
    return picture(WIDTH, height, label, *grid, *drawn)


def box(style: str) -> Markup:
    """A piece of a bar for a legend."""
    return element(
        "svg",
        element("g", element("rect", x=0, y=0, width=14, height=14, rx=2), class_=f"part {style}"),
        viewBox="0 0 14 14",
        width=14,
        height=14,
        aria_hidden="true",
    )


def _part(left: float, right: float, y: float, style: str, words: str) -> Markup:
    shown = (
        [text((left + right) / 2, y + BAR / 2 + 4, words, "middle", "on")]
        if _fits(words, right - left)
        else []
    )
    box = element("rect", x=left, y=y, width=max(right - left, 0.0), height=BAR)
    return element("g", box, *shown, class_=f"part {style}")


def _fits(words: str, width: float) -> bool:
    return len(words) * CHARACTER + 6 <= width
