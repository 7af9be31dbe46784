"""Charts of stacked bars, one bar per iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from rayboot.report.svg import axis, element, hit, icon, picture, text
from rayboot.report.words import compact

WIDTH = 380
LEFT, RIGHT, TOP = 82, 74, 6
BAR, PITCH = 22, 32
BOTTOM = 24
CHARACTER = 6.6
"""Width of a digit in the font size of charts."""


class Bar(NamedTuple):
    name: str
    parts: Mapping[str, float]
    """Amounts by name, in the order of stacking."""


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
    """Draw a bar chart.

    Args:
        styles: CSS class of the colour by part.
        show: Formats an amount.
        unit: Unit of the axis.
    """
    most = max(sum(bar.parts.values()) for bar in bars)
    x_axis = axis(0, (most or 1) / unit.size, LEFT, WIDTH - RIGHT, 4)
    height = TOP + PITCH * len(bars) + BOTTOM
    drawn = []
    for value in x_axis.ticks:
        x = x_axis.position(value)
        drawn.append(element("line", class_="grid", x1=x, x2=x, y1=TOP, y2=height - BOTTOM))
        drawn.append(text(x, height - 7, unit.tick(value), "middle", "faint"))
    descriptions = []
    for number, bar in enumerate(bars):
        y = TOP + PITCH * number + (PITCH - BAR) / 2
        total = sum(bar.parts.values())
        drawn.append(text(LEFT - 10, y + BAR / 2 + 4, bar.name, "end"))
        drawn.append(
            text(x_axis.position(total / unit.size) + 6, y + BAR / 2 + 4, show(total), class_="strong")
        )
        start = 0.0
        for name, amount in bar.parts.items():
            left, right = (x_axis.position(edge / unit.size) for edge in (start, start + amount))
            drawn.append(_part(left, right, y, styles[name], show(amount)))
            start += amount
        tip = "\n".join([bar.name, *(f"{name}: {show(amount)}" for name, amount in bar.parts.items())])
        drawn.append(hit(LEFT, y - 4, WIDTH - LEFT, BAR + 8, tip))
        parts = ", ".join(f"{name} {show(amount)}" for name, amount in bar.parts.items())
        descriptions.append(f"{bar.name}: {parts}")
    return picture(WIDTH, height, f"{title}: {'; '.join(descriptions)}", *drawn)


def _part(left: float, right: float, y: float, style: str, label: str) -> Markup:
    parts = [element("rect", x=left, y=y, width=max(right - left, 0.0), height=BAR)]
    if len(label) * CHARACTER + 6 <= right - left:
        parts.append(text((left + right) / 2, y + BAR / 2 + 4, label, "middle", "on"))
    return element("g", *parts, class_=f"part {style}")


def box(style: str) -> Markup:
    """Draw a box in a part's colour for a legend."""
    square = element("rect", x=0, y=0, width=14, height=14, rx=2)
    return icon(14, element("g", square, class_=f"part {style}"))
