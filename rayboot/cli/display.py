"""What the command line draws: progress bars, a table an iteration, the curve, and errors."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

from rich.bar import Bar
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from rayboot.cli.doctor import Finding
from rayboot.config import PlannedRun
from rayboot.metrics import MetricsRow, headline_split
from rayboot.pools.cluster import local_ray_folder, required_resources
from rayboot.stages.observer import Progress as Report

console = Console(file=sys.stdout, highlight=False)


class Terminal:
    """Shows a run as it goes."""

    @contextmanager
    def stage(self, iteration: int, name: str) -> Iterator[Report]:
        """A progress bar while a stage runs."""
        with bar(f"iteration {iteration}  {name}") as report:
            yield report

    def iteration(self, rows: Sequence[MetricsRow]) -> None:
        """A table of an iteration that ended."""
        table = Table(title=f"iteration {rows[0].iteration}", title_justify="left")
        for name in ("split", "problems", "pass@1", "repair@1", "attempts", "tokens"):
            table.add_column(name, justify="left" if name == "split" else "right")
        for row in rows:
            shares = (_share(row, name) for name in ("pass@1", "repair@1"))
            table.add_row(row.split, str(row.problems), *shares, str(row.attempts), f"{row.tokens:,}")
        console.print(table)
        alone = {row.split: f"{row.public_only:.1%}" for row in rows if row.public_only is not None}
        _phrases("public tests passed, hidden failed", alone)
        _phrases("training examples", rows[0].training_examples)
        _phrases("dropped examples", rows[0].dropped_examples)
        _phrases("seconds", {name: f"{value:.1f}" for name, value in rows[0].seconds.items()})
        console.print()


def _phrases(title: str, counts: Mapping[str, Any]) -> None:
    """`title: name value, name value`, broken between two phrases where the terminal is narrow; nothing without any."""
    line = f"{title}:"
    phrases = [f" {name.replace('_', ' ')} {value}," for name, value in counts.items()]
    for phrase in phrases:
        if len(line) + len(phrase) > console.width:
            console.print(line, soft_wrap=True)
            line = " "
        line += phrase
    if phrases:
        console.print(line.rstrip(","), soft_wrap=True)


def _share(row: MetricsRow, name: str) -> str:
    """A rate in percent, with its interval: short, for terminals of 80 columns."""
    low, high = row.intervals[name]
    return rf"{row.rates[name]:.1%} \[{100 * low:.0f}, {100 * high:.0f}]"


class _Notes(logging.Handler):
    """Shows what parts of a run log for the user, such as the loss of an actor, above the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        console.print(record.getMessage(), soft_wrap=True, markup=False)


@contextmanager
def only_ours() -> Iterator[None]:
    """Send what others print to a file beside the logs of a local Ray, for the time of the block.

    Ray's core and its driver write notes to developers to both standard streams, across progress bars. What this
    module draws still reaches the terminal, and errors that end the block are raised, not printed.
    """
    sys.stderr.flush()
    terminal, notes = os.dup(2), _Notes()
    logging.getLogger("rayboot").addHandler(notes)
    log_file = local_ray_folder() / "output.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a") as log:
        os.dup2(log.fileno(), 2)
        try:
            with redirect_stdout(log):
                yield
        finally:
            logging.getLogger("rayboot").removeHandler(notes)
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


@contextmanager
def bar(title: str) -> Iterator[Report]:
    """A progress bar; the reports say how much is done, of how much."""
    columns = (TextColumn(f"{title:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def curve(rows: Sequence[MetricsRow], best: int) -> None:
    """Greedy pass@1 of every iteration as bars, on test where there is one."""
    split = headline_split(rows)
    table = Table(box=None, show_header=False, title=f"pass@1 on {split}", title_justify="left")
    for row in rows:
        if row.split == split:
            mark = "  best by validation" if row.iteration == best else ""
            drawn = Bar(1.0, 0.0, row.rates["pass@1"], width=28)
            table.add_row(f"iteration {row.iteration}", drawn, _share(row, "pass@1") + mark)
    console.print(table)


def planned_runs(runs: Sequence[PlannedRun]) -> None:
    """What an experiment would do."""
    for run in runs:
        asked = listed(required_resources(run.recipe))
        console.print(f"{run.recipe.runs}/{run.recipe.name}  asks of Ray: {asked}", soft_wrap=True)


def begin_run(number: int, total: int, run: PlannedRun) -> None:
    """A heading above a run of an experiment."""
    console.rule(f"run {number} of {total}: {run.arm}, seed {run.seed}", align="left")


def markdown(text: str) -> None:
    """Markdown, drawn."""
    console.print(Markdown(text))


def figures(row: MetricsRow) -> dict[str, Any]:
    """What a row has measured, for `metrics_table`."""
    nothing = {name for name, value in row if value in ({}, None)}
    return row.model_dump(
        exclude={"iteration", "split", "model", "dataset", *nothing} - {"rates", "training"}
    )


def metrics_table(title: str, metrics: Mapping[str, Any]) -> None:
    """One number a line, with its interval where `metrics["intervals"]` has one."""
    console.print(title, soft_wrap=True)
    table = Table(show_header=False)
    intervals = metrics.get("intervals", {})
    for name, value in metrics.items():
        if name != "intervals":
            shown = f"{value:.4f}" if isinstance(value, float) else f"{value:,}"
            low, high = intervals.get(name, (None, None))
            table.add_row(name, shown if low is None else f"{shown} \\[{low:.4f}, {high:.4f}]")
    console.print(table)


def problems_without_row(ids: Sequence[str], total: int, failed: bool) -> None:
    """Name the problems that a file of solutions leaves out, the first ten of them."""
    named = ", ".join(ids[:10]) + (", ..." if len(ids) > 10 else "")
    advice = "they count as failed" if failed else "--missing fail counts them as failed"
    console.print(
        f"{len(ids)} of {total} problems have no row; {advice}: {named}", soft_wrap=True, markup=False
    )


def listed(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in counts.items()) or "none"


@contextmanager
def counted(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar that is told how much more is done."""
    done = 0
    with bar(title) as report:
        report(0, total)

        def advance(more: int) -> None:
            nonlocal done
            done += more
            report(done, total)

        yield advance


def findings_table(findings: Sequence[Finding]) -> None:
    """What the doctor found."""
    table = Table(show_header=False)
    for finding in findings:
        advice = (
            f"\n{finding.advice}" if finding.advice and (not finding.ok or finding.what == "sandbox") else ""
        )
        mark = "[green]ok[/]" if finding.ok else "[red]missing[/]" if finding.needed else "[yellow]absent[/]"
        table.add_row(mark, finding.what, finding.found + advice)
    console.print(table)
