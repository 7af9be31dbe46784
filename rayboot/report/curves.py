"""Charts of lines over iterations, with bands for 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from rayboot.metrics import Interval
from rayboot.report.figure import Figure, Table
from rayboot.report.svg import Axis, axis, element, hit, icon, picture, text
from rayboot.report.words import ABSENT, compact, percent, percent_interval

WIDTH, HEIGHT = 380, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 26, 40
MARK = 4.0
STYLES = 8
"""Number of distinct styles of series: `c0` to `c7`."""
MAX_TICKS = 12
"""Most iterations with a label below the axis."""


class Point(NamedTuple):
    iteration: int
    mean: float
    low: float | None = None
    high: float | None = None

    @property
    def bounds(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)


class Series(NamedTuple):
    name: str
    style: str
    """CSS class of colour and dash, such as `c0`; the digit also determines the mark."""
    points: Sequence[Point]


def curve_figure(
    title: str, series: Sequence[Series], best: int | None = None, share: bool = True, unit: str = ""
) -> Figure:
    """Return one panel with the table of its numbers.

    Args:
        best: Iteration to mark.
        share: Whether values are shares, shown in percent.
        unit: Unit of values that are not shares.
    """
    all_points = [point for line in series for point in line.points]
    x_axis = _iterations_axis(all_points)
    y_axis = _values_axis(all_points, share)
    show: Callable[[float], str] = percent if share else compact
    label = f"{title}: " + "; ".join(
        f"{line.name} from {show(line.points[0].mean)} at iteration {line.points[0].iteration} "
        f"to {show(line.points[-1].mean)} at iteration {line.points[-1].iteration}"
        for line in series
    )
    chart = picture(
        WIDTH,
        HEIGHT,
        label,
        *_frame(x_axis, y_axis, share),
        *([_best(x_axis, best)] if best is not None else []),
        *(_band(line, x_axis, y_axis) for line in series),
        *(_line(line, x_axis, y_axis) for line in series),
        *_hits(series, x_axis, show, unit),
    )
    points = {(line.name, point.iteration): point for line in series for point in line.points}
    rows = [
        [str(number), *(_cell(points.get((line.name, number)), share) for line in series)]
        for number in _iterations(series)
    ]
    return Figure(title, chart, Table(["iteration", *(line.name for line in series)], rows))


def _iterations(series: Sequence[Series]) -> list[int]:
    return sorted({point.iteration for line in series for point in line.points})


def _cell(point: Point | None, share: bool) -> str:
    if point is None:
        return ABSENT
    if not share:
        return f"{point.mean:.4g}"
    if point.bounds is None:
        return percent(point.mean)
    low, high = point.bounds
    return percent_interval(Interval(mean=point.mean, low=low, high=high))


def mark(style: str, x: float, y: float) -> Markup:
    """Draw the mark of a series, which distinguishes series without colour."""
    shape = int(style[1:]) % 4
    if shape == 0:
        return element("circle", cx=x, cy=y, r=MARK)
    if shape == 1:
        return _polygon(x, y, ((0, -5.2), (5.2, 0), (0, 5.2), (-5.2, 0)))
    if shape == 2:
        return _polygon(x, y, ((0, -5), (4.8, 3.8), (-4.8, 3.8)))
    return element("rect", x=x - 3.8, y=y - 3.8, width=7.6, height=7.6)


def swatch(style: str) -> Markup:
    """Draw a piece of a series' line for a legend."""
    line = element("line", x1=0, x2=28, y1=7, y2=7, class_="line")
    return icon(28, element("g", line, mark(style, 14, 7), class_=f"series {style}"))


def _iterations_axis(points: Sequence[Point]) -> Axis:
    first, last = min(point.iteration for point in points), max(point.iteration for point in points)
    step = -(-(last - first + 1) // MAX_TICKS)
    inset = 16 if last > first else 0
    return Axis(
        first, last, LEFT + inset, WIDTH - RIGHT - inset, [float(n) for n in range(first, last + 1, step)]
    )


def _values_axis(points: Sequence[Point], share: bool) -> Axis:
    values = [value for point in points for value in (point.bounds or (point.mean, point.mean))]
    low, high = min(values), max(values)
    if not share:
        return axis(0, high or 1, HEIGHT - BOTTOM, TOP)
    if high - low < 0.1:  # a wider range, so that a change within the noise does not look large
        low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)
    return axis(low, high, HEIGHT - BOTTOM, TOP)


def _frame(x_axis: Axis, y_axis: Axis, share: bool) -> list[Markup]:
    parts = []
    for value in y_axis.ticks:
        y = y_axis.position(value)
        label = f"{100 * value:.3g}%" if share else compact(value)
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
        parts.append(text(LEFT - 8, y + 4, label, "end"))
    parts += [text(x_axis.position(n), HEIGHT - BOTTOM + 18, f"{n:.0f}", "middle") for n in x_axis.ticks]
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, "iteration", "middle", "faint"))
    return parts


def _best(x_axis: Axis, best: int) -> Markup:
    x = x_axis.position(best)
    anchor = "end" if x > WIDTH - 80 else "middle"
    return element(
        "g",
        element("line", x1=x, x2=x, y1=TOP - 6, y2=HEIGHT - BOTTOM),
        text(x + (12 if anchor == "end" else 0), TOP - 12, "chosen", anchor),
        class_="best",
    )


def _band(series: Series, x_axis: Axis, y_axis: Axis) -> Markup:
    """Draw the intervals as an area; that of a single point as a bar."""
    bounds = [(x_axis.position(point.iteration), *point.bounds) for point in series.points if point.bounds]
    if len(bounds) == 1:
        x, low, high = bounds[0]
        bounds = [(x - 3, low, high), (x + 3, low, high)]
    upper = [(x, y_axis.position(high)) for x, _, high in bounds]
    lower = [(x, y_axis.position(low)) for x, low, _ in bounds]
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*upper, *reversed(lower)])
    return element("polygon", points=corners, class_=f"band {series.style}")


def _line(series: Series, x_axis: Axis, y_axis: Axis) -> Markup:
    positions = [(x_axis.position(point.iteration), y_axis.position(point.mean)) for point in series.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in positions)
    marks = [mark(series.style, x, y) for x, y in positions] if len(positions) <= 3 * MAX_TICKS else []
    return element(
        "g", element("polyline", points=path, class_="line"), *marks, class_=f"series {series.style}"
    )


def _hits(series: Sequence[Series], x_axis: Axis, show: Callable[[float], str], unit: str) -> list[Markup]:
    """Return a hit area per iteration, which extends half the way to the neighbours."""
    iterations = _iterations(series)
    positions = [x_axis.position(number) for number in iterations]
    edges = [float(LEFT), *((a + b) / 2 for a, b in pairwise(positions)), float(WIDTH - RIGHT)]
    return [
        hit(left, TOP - 10, right - left, HEIGHT - TOP - BOTTOM + 10, _tip(series, number, show, unit))
        for number, (left, right) in zip(iterations, pairwise(edges), strict=True)
    ]


def _tip(series: Sequence[Series], iteration: int, show: Callable[[float], str], unit: str) -> str:
    lines = [f"iteration {iteration}"]
    for line in series:
        for point in (point for point in line.points if point.iteration == iteration):
            bounds = f"  [{', '.join(map(show, point.bounds))}]" if point.bounds else ""
            lines.append(f"{line.name}: {show(point.mean)}{' ' + unit if unit else ''}{bounds}")
    return "\n".join(lines)


def _polygon(x: float, y: float, corners: Sequence[tuple[float, float]]) -> Markup:
    return element("polygon", points=" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners))
