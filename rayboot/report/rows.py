"""Tables of all numbers: the rows of a run, and runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rayboot.metrics import MetricsRow
from rayboot.report.costs import total_seconds, total_tokens
from rayboot.report.figure import Table
from rayboot.report.outcomes import Measures, difference, interval
from rayboot.report.read import RunRecord
from rayboot.report.summary import algorithm_of, change_at_best, chosen_iteration
from rayboot.report.words import ABSENT, compact, count, duration, percent, percent_interval, plain, points

REFIT = (
    "iteration",
    "training examples",
    "replayed from",
    "left out",
    "steps",
    "loss",
    "validation loss",
    "seconds",
)
COMPARED = (
    "run",
    "algorithm",
    "split",
    "iteration 0",
    "chosen",
    "pass@1",
    "repair@1",
    "time",
    "tokens",
    "change",
)
MEASURED = ("problems", "attempts", "skipped", "prompt_tokens", "completion_tokens")


def rows_table(run: RunRecord) -> Table:
    """Return a table with a row for each row of metrics.jsonl; missing values are dashes."""
    metrics = list(dict.fromkeys(name for row in run.rows for name in row.rates))
    return Table(
        ["iteration", "split", *metrics, *map(plain, ("public_only", *MEASURED))],
        [
            [
                str(row.iteration),
                row.split,
                *(_percent(row.rates.get(metric)) for metric in metrics),
                _percent(row.public_only),
                *map(
                    _count,
                    (row.problems, row.attempts, row.skipped, row.prompt_tokens, row.completion_tokens),
                ),
            ]
            for row in run.rows
        ],
    )


def iterations_table(run: RunRecord) -> Table:
    """Return a table of the training set and the refit of each iteration."""
    last = {row.iteration: row for row in run.rows}
    return Table(REFIT, [_refit_cells(row) for _, row in sorted(last.items())])


def comparison_table(runs: Sequence[RunRecord], measured: Sequence[Measures]) -> Table:
    """Return a table with a row for each run: metrics, cost, and the difference to the first run."""
    first = _at_first(runs[0], measured[0])
    rows = [
        [*_run_cells(run, values), _change(first, _at_first(run, values)) if number else ABSENT]
        for number, (run, values) in enumerate(zip(runs, measured, strict=True))
    ]
    return Table([*COMPARED, f"against {runs[0].label}"], rows)


def _at_first(run: RunRecord, measured: Measures) -> dict[str, float]:
    """Return pass@1 of each problem in the chosen iteration; empty if it is unknown."""
    if run.headline_split is None:
        return {}
    values = measured.get((chosen_iteration(run), run.headline_split))
    return values.at_first if values else {}


def _change(first: dict[str, float], other: dict[str, float]) -> str:
    change = difference(first, other)
    return points(change) if change else ABSENT


def _run_cells(run: RunRecord, measured: Measures) -> list[str]:
    split = run.headline_split
    if split is None:
        return [run.label, algorithm_of(run), *[ABSENT] * 8]
    chosen = chosen_iteration(run)
    return [
        run.label,
        algorithm_of(run),
        split,
        _share(run, measured, run.iterations[0], "pass@1"),
        f"{chosen}" + (" (unfinished)" if run.best is None else ""),
        _share(run, measured, chosen, "pass@1"),
        _share(run, measured, chosen, "repair@1"),
        duration(total_seconds(run)),
        compact(total_tokens(run)),
        change_at_best(run, measured) or ABSENT,
    ]


def _share(run: RunRecord, measured: Measures, iteration: int, metric: str) -> str:
    values = measured.get((iteration, run.headline_split or ""))
    estimate = interval((values.at_first if metric == "pass@1" else values.repaired) if values else None)
    row = run.row(iteration, run.headline_split or "")
    return percent_interval(estimate) if estimate else _percent(row.rates.get(metric) if row else None)


def _refit_cells(row: MetricsRow) -> list[str]:
    replayed = {f"iteration {number}": amount for number, amount in row.replayed_examples.items()}
    training = row.training
    return [
        str(row.iteration),
        _parts(row.training_examples),
        _parts(replayed),
        _parts(row.dropped_examples),
        _count(training.get("steps")),
        _loss(training.get("train_loss")),
        _loss(training.get("best_validation_loss")),
        ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in row.seconds.items()) or ABSENT,
    ]


def _loss(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def _count(number: float | None) -> str:
    return ABSENT if number is None else count(int(number))


def _percent(share: float | None) -> str:
    return ABSENT if share is None else percent(share)


def _parts(counts: dict[str, int]) -> str:
    return ", ".join(f"{plain(name)} {count(value)}" for name, value in counts.items()) or ABSENT
