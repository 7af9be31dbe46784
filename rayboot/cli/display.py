"""Output of the commands: progress bars, tables, and bars of pass@1."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout

from rich.bar import Bar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from rayboot.cli.doctor import Finding
from rayboot.config import PlannedRun
from rayboot.metrics import MetricsRow, headline_split
from rayboot.pools.cluster import local_ray_folder, required_resources
from rayboot.stages.observer import ProgressListener

console = Console(file=sys.stdout, highlight=False)


class Terminal:
    """An `Observer` that displays a run in the terminal."""

    @contextmanager
    def stage(self, iteration: int, name: str) -> Iterator[ProgressListener]:
        """Show a progress bar while a stage runs."""
        with bar(f"iteration {iteration}  {name}") as update:
            yield update

    def iteration(self, rows: Sequence[MetricsRow]) -> None:
        """Print the metrics of an iteration."""
        table = Table(title=f"iteration {rows[0].iteration}", title_justify="left")
        for name in ("split", "problems", "pass@1", "repair@1", "attempts", "tokens"):
            table.add_column(name, justify="left" if name == "split" else "right")
        for row in rows:
            shares = (_share(row, name) for name in ("pass@1", "repair@1"))
            table.add_row(row.split, str(row.problems), *shares, str(row.attempts), f"{row.tokens:,}")
        console.print(table)
        public_only = {row.split: f"{row.public_only:.1%}" for row in rows if row.public_only is not None}
        _print_values("public tests passed, hidden failed", public_only)
        _print_values("training examples", rows[0].training_examples)
        _print_values("dropped examples", rows[0].dropped_examples)
        _print_values("seconds", {name: f"{value:.1f}" for name, value in rows[0].seconds.items()})
        console.print()


def _print_values(title: str, counts: Mapping[str, object]) -> None:
    """Print `title: name value, name value`, with line breaks only between pairs; print nothing without values."""
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
    """Return a rate in percent with its interval, short enough for terminals of 80 columns."""
    low, high = row.intervals[name]
    return rf"{row.rates[name]:.1%} \[{100 * low:.0f}, {100 * high:.0f}]"


class _ConsoleHandler(logging.Handler):
    """Prints rayboot's log messages, such as the loss of an actor, above the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        console.print(record.getMessage(), soft_wrap=True, markup=False)


@contextmanager
def redirected_libraries() -> Iterator[None]:
    """Redirect the output of libraries during the block to `output.log` beside the logs of a local Ray.

    Ray prints messages for developers to both standard streams, across progress bars. Output of this module still
    reaches the terminal, and errors that end the block are raised.
    """
    sys.stderr.flush()
    terminal, handler = os.dup(2), _ConsoleHandler()
    logging.getLogger("rayboot").addHandler(handler)
    log_file = local_ray_folder() / "output.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a") as log:
        os.dup2(log.fileno(), 2)
        try:
            with redirect_stdout(log):
                yield
        finally:
            logging.getLogger("rayboot").removeHandler(handler)
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


@contextmanager
def bar(title: str) -> Iterator[ProgressListener]:
    """Show a progress bar during the block; yield a function that takes the numbers of done and of all units."""
    columns = (TextColumn(f"{title:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def curve(rows: Sequence[MetricsRow], best: int) -> None:
    """Print pass@1 of every iteration as bars, on test or else on validation."""
    split = headline_split(rows)
    table = Table(box=None, show_header=False, title=f"pass@1 on {split}", title_justify="left")
    for row in (row for row in rows if row.split == split):
        mark = "  best by validation" if row.iteration == best else ""
        drawn = Bar(1.0, 0.0, row.rates["pass@1"], width=28)
        table.add_row(f"iteration {row.iteration}", drawn, _share(row, "pass@1") + mark)
    console.print(table)


def planned_runs(runs: Sequence[PlannedRun]) -> None:
    """Print the runs of an experiment, and the resources that each requests."""
    for run in runs:
        resources = listed(required_resources(run.recipe))
        console.print(f"{run.recipe.runs}/{run.recipe.name}  requests from Ray: {resources}", soft_wrap=True)


def begin_run(number: int, total: int, run: PlannedRun) -> None:
    """Print a heading above a run of an experiment."""
    console.rule(f"run {number} of {total}: {run.arm}, seed {run.seed}", align="left")


def figures(row: MetricsRow) -> dict[str, float]:
    """Return the metrics of an evaluation, for `metrics_table`."""
    numbers = {name: value for name, value in row if isinstance(value, int | float) and name != "iteration"}
    return {**row.rates, **numbers}


def metrics_table(
    title: str, metrics: Mapping[str, float], intervals: Mapping[str, tuple[float, float]] | None = None
) -> None:
    """Print one number per line, with its interval if there is one."""
    console.print(title, soft_wrap=True)
    table = Table(show_header=False)
    for name, value in metrics.items():
        text = f"{value:.4f}" if isinstance(value, float) else f"{value:,}"
        if intervals and name in intervals:
            low, high = intervals[name]
            text += f" \\[{low:.4f}, {high:.4f}]"
        table.add_row(name, text)
    console.print(table)


def problems_without_row(ids: Sequence[str], total: int, failed: bool) -> None:
    """Print the first ten of the problems without a row in a file of solutions."""
    named = ", ".join(ids[:10]) + (", ..." if len(ids) > 10 else "")
    advice = "they count as failed" if failed else "--missing fail counts them as failed"
    console.print(
        f"{len(ids)} of {total} problems have no row; {advice}: {named}", soft_wrap=True, markup=False
    )


def listed(counts: Mapping[str, object]) -> str:
    """Return `name value, name value`, or `none`."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in counts.items()) or "none"


@contextmanager
def progress_counter(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar during the block; yield a function that advances the bar by N units."""
    done = 0
    with bar(title) as update:

        def advance(units: int) -> None:
            nonlocal done
            done += units
            update(done, total)

        advance(0)
        yield advance


def findings_table(findings: Sequence[Finding]) -> None:
    """Print the findings of `rayboot doctor`."""
    table = Table(show_header=False)
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[red]missing[/]" if finding.needed else "[yellow]absent[/]"
        is_advised = finding.advice and (not finding.ok or finding.what == "sandbox")
        table.add_row(mark, finding.what, finding.found + (f"\n{finding.advice}" if is_advised else ""))
    console.print(table)
