"""Lines over iterations, with bands for their 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from rayboot.report.svg import Axis, axis, element, hit, picture, text
from rayboot.report.words import compact, percent

WIDTH, HEIGHT = 380, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 26, 40
MARK = 4.0
STYLES = 8
"""Series that look different: `c0` to `c7`."""
MAX_TICKS = 12
"""Iterations that are written below the axis at most."""


class Point(NamedTuple):
    iteration: int
    mean: float
    low: float | None = None
    high: float | None = None


class Series(NamedTuple):
    name: str
    style: str
    """Class of its colour and dash, such as `c0`; its digit chooses the mark too."""
    points: Sequence[Point]


def curve_chart(
    title: str, series: Sequence[Series], best: int | None = None, share: bool = True, unit: str = ""
) -> Markup:
    """One panel.

    Args:
        best: The iteration to mark.
        share: The values are shares, shown in percent.
        unit: What the values count, otherwise.
    """
    points = [point for one in series for point in one.points]
    across = _iterations_axis(points)
    up = _values_axis(points, share)
    show: Callable[[float], str] = percent if share else compact
    label = f"{title}: " + "; ".join(
        f"{one.name} from {show(one.points[0].mean)} at iteration {one.points[0].iteration} "
        f"to {show(one.points[-1].mean)} at iteration {one.points[-1].iteration}"
        for one in series
    )
    return picture(
        WIDTH,
        HEIGHT,
        label,
        *_frame(across, up, share),
        *([_best(across, best)] if best is not None else []),
        *(_band(one, across, up) for one in series),
        *(_line(one, across, up) for one in series),
        *_hits(series, across, show, unit),
    )


def mark(style: str, x: float, y: float) -> Markup:
    """The mark of a series, which tells it from others without colour."""
    shape = int(style[1:]) % 4
    if shape == 0:
        return element("circle", cx=x, cy=y, r=MARK)
    if shape == 1:
        return _polygon(x, y, ((0, -5.2), (5.2, 0), (0, 5.2), (-5.2, 0)))
    if shape == 2:
        return _polygon(x, y, ((0, -5), (4.8, 3.8), (-4.8, 3.8)))
    return element("rect", x=x - 3.8, y=y - 3.8, width=7.6, height=7.6)


def swatch(style: str) -> Markup:
    """A piece of a series' line for a legend."""
    line = element("line", x1=0, x2=28, y1=7, y2=7, class_="line")
    return element(
        "svg",
        element("g", line, mark(style, 14, 7), class_=f"series {style}"),
        viewBox="0 0 28 14",
        width=28,
        height=14,
        aria_hidden="true",
    )


def _iterations_axis(points: Sequence[Point]) -> Axis:
    first, last = min(point.iteration for point in points), max(point.iteration for point in points)
    step = -(-(last - first + 1) // MAX_TICKS)
    inset = 16 if last > first else 0
    return Axis(
        first, last, LEFT + inset, WIDTH - RIGHT - inset, [float(n) for n in range(first, last + 1, step)]
    )


def _values_axis(points: Sequence[Point], share: bool) -> Axis:
    low = min(point.mean if point.low is None else point.low for point in points)
    high = max(point.mean if point.high is None else point.high for point in points)
    if not share:
        return axis(0, high or 1, HEIGHT - BOTTOM, TOP)
    if high - low < 0.1:  # room, so that a change within the noise does not look like a cliff
        low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)
    return axis(low, high, HEIGHT - BOTTOM, TOP)


def _frame(across: Axis, up: Axis, share: bool) -> list[Markup]:
    lines = []
    for value in up.ticks:
        y = up.place(value)
        words = f"{100 * value:.3g}%" if share else compact(value)
        lines.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
        lines.append(text(LEFT - 8, y + 4, words, "end"))
    lines += [text(across.place(n), HEIGHT - BOTTOM + 18, f"{n:.0f}", "middle") for n in across.ticks]
    lines.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, "iteration", "middle", "faint"))
    return lines


def _best(across: Axis, best: int) -> Markup:
    x = across.place(best)
    anchor = "end" if x > WIDTH - 80 else "middle"
    return element(
        "g",
        element("line", x1=x, x2=x, y1=TOP - 6, y2=HEIGHT - BOTTOM),
        text(x + (12 if anchor == "end" else 0), TOP - 12, "chosen", anchor),
        class_="best",
    )


def _band(series: Series, across: Axis, up: Axis) -> Markup:
    """The intervals as an area; of a single point, as a bar."""
    known = [(across.place(p.iteration), p.low, p.high) for p in series.points if p.low is not None]
    if len(known) == 1:
        x, low, high = known[0]
        known = [(x - 3, low, high), (x + 3, low, high)]
    upper = [(x, up.place(high)) for x, _, high in known if high is not None]
    lower = [(x, up.place(low)) for x, low, _ in known if low is not None]
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*upper, *reversed(lower)])
    return element("polygon", points=corners, class_=f"band {series.style}")


def _line(series: Series, across: Axis, up: Axis) -> Markup:
    places = [(across.place(point.iteration), up.place(point.mean)) for point in series.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = [mark(series.style, x, y) for x, y in places] if len(places) <= 3 * MAX_TICKS else []
    return element(
        "g", element("polyline", points=path, class_="line"), *marks, class_=f"series {series.style}"
    )


def _hits(series: Sequence[Series], across: Axis, show: Callable[[float], str], unit: str) -> list[Markup]:
    """A column for each iteration, as wide as half the way to its neighbours."""
    iterations = sorted({point.iteration for one in series for point in one.points})
    places = [across.place(number) for number in iterations]
    edges = [float(LEFT), *((a + b) / 2 for a, b in pairwise(places)), float(WIDTH - RIGHT)]
    return [
        hit(left, TOP - 10, right - left, HEIGHT - TOP - BOTTOM + 10, _tip(series, number, show, unit))
        for number, (left, right) in zip(iterations, pairwise(edges), strict=True)
    ]


def _tip(series: Sequence[Series], iteration: int, show: Callable[[float], str], unit: str) -> str:
    lines = [f"iteration {iteration}"]
    for one in series:
        for point in one.points:
            if point.iteration == iteration:
                known = point.low is not None and point.high is not None
                between = f"  [{show(point.low)}, {show(point.high)}]" if known else ""  # type: ignore[arg-type]
                lines.append(f"{one.name}: {show(point.mean)}{' ' + unit if unit else ''}{between}")
    return "\n".join(lines)


def _polygon(x: float, y: float, corners: Sequence[tuple[float, float]]) -> Markup:
    return element("polygon", points=" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners))
