"""SVG elements as escaped text, and the parts that charts share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

Value = str | int | float | None


def element(name: str, *children: str | Markup, **attributes: Value) -> Markup:
    """Return an element; children that are not `Markup` are escaped. `class_` stands for `class`, `x_y` for `x-y`."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{pairs}>{''.join(escape(child) for child in children)}</{name}>")


def picture(width: float, height: float, label: str, *children: Markup) -> Markup:
    """Return a chart, which takes the keyboard's focus to step through the areas of `hit`.

    Args:
        label: Text for screen readers.
    """
    view = f"0 0 {_text(width)} {_text(height)}"
    return element(
        "svg",
        *children,
        viewBox=view,
        role="img",
        aria_label=label,
        tabindex=0,
        class_="chart",
        style=f"max-width:{_text(1.25 * width)}px",
    )


def icon(width: int, *children: Markup) -> Markup:
    """Return a small picture for a legend."""
    view = f"0 0 {width} 14"
    return element("svg", *children, viewBox=view, width=width, height=14, aria_hidden="true")


def text(x: float, y: float, words: str, anchor: str = "start", class_: str | None = None) -> Markup:
    return element("text", words, x=x, y=y, text_anchor=anchor, class_=class_)


def hit(x: float, y: float, width: float, height: float, tip: str) -> Markup:
    """Return an area that shows a tip, whose lines are separated by newlines."""
    return element("rect", class_="hit", x=x, y=y, width=width, height=height, data_tip=tip)


class Axis(NamedTuple):
    """A linear scale from values to positions."""

    low: float
    high: float
    start: float
    end: float
    ticks: Sequence[float]

    def position(self, value: float) -> float:
        span = self.high - self.low
        return self.start + (self.end - self.start) * ((value - self.low) / span if span else 0.5)


def axis(low: float, high: float, start: float, end: float, ticks: int = 5) -> Axis:
    """Return a scale that contains `low` and `high`, and begins and ends at round numbers."""
    step = _round_step((high - low) / ticks or abs(high) / ticks or 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    values = [number * step for number in range(first, last + 1)]
    return Axis(values[0], values[-1], start, end, values)


def _round_step(step: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not below `step`."""
    power: float = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= step * (1 - 1e-9))


def _text(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
