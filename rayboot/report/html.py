"""The report of a run: one self-contained HTML page with the curve and the table of iterations."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template
from typing import Any

from rayboot.recipes import packaged
from rayboot.report.curve import curve_svg
from rayboot.storage import Storage

Row = dict[str, Any]


def write_html(storage: Storage, name: str, rows: Sequence[Row], best: int) -> None:
    """Write `report.html` from the rows of metrics.jsonl.

    Args:
        storage: The run directory.
        name: The run's name.
        rows: Rows of metrics.jsonl, in their order.
        best: The iteration that validation chose.
    """
    page = Template(packaged("report.html").read_text())
    measured = [row for row in rows if row["split"] != "train"]
    text = page.substitute(
        name=escape(name),
        headline=escape(_headline(measured, best)),
        curve=curve_svg(measured),
        table=_table(rows, best),
    )
    storage.write_text("report.html", text)


def _headline(rows: Sequence[Row], best: int) -> str:
    split = "test" if any(row["split"] == "test" for row in rows) else "validation"
    by_iteration = {row["iteration"]: row for row in rows if row["split"] == split}
    first, chosen = by_iteration[0]["pass@1"], by_iteration[best]["pass@1"]
    return (
        f"{split} pass@1: {first:.1%} before, {chosen:.1%} at iteration {best}, "
        f"which validation chose ({100 * (chosen - first):+.1f} points)"
    )


def _table(rows: Sequence[Row], best: int) -> str:
    head = (
        "iteration",
        "split",
        "pass@1",
        "repair@1",
        "problems",
        "attempts",
        "tokens",
        "training examples",
        "replayed from",
        "left out",
        "seconds",
    )
    lines = ["<tr>" + "".join(f"<th>{word}</th>" for word in head) + "</tr>"]
    for row in rows:
        cells = (
            row["iteration"],
            row["split"],
            f"{row['pass@1']:.1%}",
            f"{row['repair@1']:.1%}",
            row["problems"],
            row["attempts"],
            f"{row['prompt_tokens'] + row['completion_tokens']:,}",
            _parts(row["training_examples"]),
            _parts({f"iteration {number}": count for number, count in row["replayed_examples"].items()}),
            _parts(row["dropped_examples"]),
            _parts({stage: round(seconds, 1) for stage, seconds in row["seconds"].items()}),
        )
        kind = ' class="best"' if row["iteration"] == best and row["split"] != "train" else ""
        lines.append(f"<tr{kind}>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    return "\n".join(lines)


def _parts(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in counts.items())
