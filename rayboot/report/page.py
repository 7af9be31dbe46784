"""The report: one self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from rayboot import __version__
from rayboot.errors import UserError
from rayboot.report.attempts import sample_attempts
from rayboot.report.composition import composition_section
from rayboot.report.costs import cost_section, throughput_section
from rayboot.report.figure import Table
from rayboot.report.hardest import Hardest, hardest
from rayboot.report.learning import learning_section, public_section
from rayboot.report.read import RunRecord, read_runs
from rayboot.report.repairs import repairs_section
from rayboot.report.rows import comparison_table, iterations_table, rows_table
from rayboot.report.summary import RunSummary, Tile, summarize, tiles
from rayboot.storage import Storage

ROLES = {"Measured": ("test", "validation"), "Training": ("train",)}
"""Splits whose problems are ranked together."""


class RunOverview(NamedTuple):
    """The parts of the page about one run alone."""

    label: str
    story: RunSummary
    tiles: Sequence[Tile]
    hardest: Sequence[tuple[str, Hardest]]
    """Hardest problems with the name of a role of `ROLES`."""
    rows: Table
    iterations: Table
    recipe: str
    facts: str


def render(runs: Sequence[RunRecord]) -> str:
    """Return the HTML page on one run, or on a comparison of runs."""
    overviews = [_overview(run) for run in runs]
    sections = [
        learning_section(runs),
        public_section(runs),
        composition_section(runs),
        repairs_section(runs),
        cost_section(runs),
        throughput_section(runs),
    ]
    rankings = [ranking for overview in overviews for _, ranking in overview.hardest]
    hard = [problem.problem_id for ranking in rankings for problem in ranking.problems]
    return _template().render(
        title=" · ".join(run.label for run in runs),
        version=__version__,
        runs=overviews,
        comparison=comparison_table(runs) if len(runs) > 1 else None,
        sections=[section for section in sections if section.figures or section.choices],
        attempts=sample_attempts(runs, hard),
    )


def _overview(run: RunRecord) -> RunOverview:
    rankings = [(role, hardest(run, splits)) for role, splits in ROLES.items()]
    return RunOverview(
        label=run.label,
        story=summarize(run),
        tiles=tiles(run),
        hardest=[(role, ranking) for role, ranking in rankings if ranking.problems],
        rows=rows_table(run),
        iterations=iterations_table(run),
        recipe=run.recipe_text,
        facts=json.dumps(run.facts, indent=2),
    )


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("rayboot.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


NAME = "report.html"


def write_report(storage: Storage) -> str:
    """Write `report.html` into a run directory, and return its path or URI."""
    storage.write_text(NAME, render(read_runs([storage.uri("")])))
    return storage.uri(NAME)


def report_runs(runs: Sequence[str], out: Path | None = None) -> str:
    """Write one page on one run, or on a comparison of runs.

    Raise UserError if one is not a run directory or is named twice, or `out` is a folder or cannot be written.

    Args:
        runs: Paths or URIs of run directories.
        out: File to write. Default: `report.html`, in the run directory of a single run, else in the current folder.

    Returns:
        The path or URI of the page.
    """
    records = read_runs(runs)
    if out is None:
        folder, name = Storage(runs[0] if len(runs) == 1 else "."), NAME
    elif out.is_dir():
        raise UserError(f"{out} is a folder: give the name of a file, such as {out / NAME}")
    else:
        folder, name = Storage(str(out.parent)), out.name
    folder.require_writable()
    folder.write_text(name, render(records))
    return folder.uri(name)
