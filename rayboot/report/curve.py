"""pass@1 and repair@1 over iterations, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, MARGIN = 640, 320, 44


def curve_svg(rows: Sequence[dict[str, Any]]) -> str:
    """One line for each split and metric; rows are those of metrics.jsonl that measure an evaluation."""
    last = max(row["iteration"] for row in rows)
    parts = [_axes(last)]
    series = [(split, metric) for metric in ("pass@1", "repair@1") for split in ("test", "validation")]
    for number, (split, metric) in enumerate(series):
        points = [(row["iteration"], row[metric]) for row in rows if row["split"] == split]
        if points:
            parts.append(_line(points, last, f"{split} {metric}", number))
    body = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH + 150} {HEIGHT}" role="img" aria-label="pass@1 and repair@1 by iteration">\n'
        f"{body}\n</svg>"
    )


def _x(iteration: int, last: int) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * (iteration / max(last, 1))


def _y(share: float) -> float:
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * share


def _axes(last: int) -> str:
    marks = []
    for percent in range(0, 101, 25):
        y = _y(percent / 100)
        marks.append(f'<line class="grid" x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text x="{MARGIN - 6}" y="{y + 4}" text-anchor="end">{percent}%</text>')
    marks.extend(
        f'<text x="{_x(iteration, last)}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{iteration}</text>'
        for iteration in range(last + 1)
    )
    marks.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">iteration</text>')
    return "\n".join(marks)


def _line(points: Sequence[tuple[int, float]], last: int, name: str, number: int) -> str:
    path = " ".join(f"{_x(iteration, last):.1f},{_y(share):.1f}" for iteration, share in points)
    dots = "".join(
        f'<circle cx="{_x(iteration, last):.1f}" cy="{_y(share):.1f}" r="3.5">'
        f"<title>{escape(name)}, iteration {iteration}: {share:.1%}</title></circle>"
        for iteration, share in points
    )
    y = MARGIN + 22 * number
    legend = (
        f'<line x1="{WIDTH - 20}" x2="{WIDTH}" y1="{y}" y2="{y}"/>'
        f'<text x="{WIDTH + 8}" y="{y + 4}" stroke="none">{escape(name)}</text>'
    )
    return f'<g class="series s{number}"><polyline points="{path}"/>{dots}{legend}</g>'
