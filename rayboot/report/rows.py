"""Tables of all numbers: the rows of a run, and runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rayboot.metrics import MetricsRow
from rayboot.report.costs import total_seconds, total_tokens
from rayboot.report.figure import Table
from rayboot.report.outcomes import difference
from rayboot.report.read import RunRecord
from rayboot.report.summary import algorithm_of, change_at_best, share
from rayboot.report.words import ABSENT, compact, count, duration, percent, plain

REFIT = "iteration|training examples|replayed from|left out|steps|loss|validation loss|seconds"
COMPARED = "run|algorithm|split|iteration 0|chosen|pass@1|repair@1|time|tokens|change"
COUNTS = ("problems", "attempts", "skipped", "prompt_tokens", "completion_tokens")


def rows_table(run: RunRecord) -> Table:
    """Return a table with a row for each row of metrics.jsonl; missing values are dashes."""
    metrics = list(dict.fromkeys(name for row in run.rows for name in row.rates))
    return Table(
        ["iteration", "split", *metrics, *map(plain, ("public_only", *COUNTS))],
        [
            [
                str(row.iteration),
                row.split,
                *(_percent(row.rates.get(metric)) for metric in metrics),
                _percent(row.public_only),
                *(_count(getattr(row, name)) for name in COUNTS),
            ]
            for row in run.rows
        ],
    )


def iterations_table(run: RunRecord) -> Table:
    """Return a table of the training set and the refit of each iteration."""
    last = {row.iteration: row for row in run.rows}
    return Table(
        REFIT.split("|"),
        [_refit_cells(row) for _, row in sorted(last.items())],
    )


def _refit_cells(row: MetricsRow) -> list[str]:
    replayed = {f"iteration {number}": amount for number, amount in row.replayed_examples.items()}
    return [
        str(row.iteration),
        _parts(row.training_examples),
        _parts(replayed),
        _parts(row.dropped_examples),
        _count(row.training.get("steps")),
        _loss(row.training.get("train_loss")),
        _loss(row.training.get("best_validation_loss")),
        ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in row.seconds.items()) or ABSENT,
    ]


def comparison_table(runs: Sequence[RunRecord]) -> Table:
    """Return a table with a row for each run: metrics, cost, and the difference to the first run."""
    first = _at_first(runs[0])
    return Table(
        [*COMPARED.split("|"), f"against {runs[0].label}"],
        [
            [run.label, algorithm_of(run), *_result_cells(run), _change(first, run) if number else ABSENT]
            for number, run in enumerate(runs)
        ],
    )


def _result_cells(run: RunRecord) -> list[str]:
    if run.headline_split is None:
        return [ABSENT] * 8
    return [
        run.headline_split,
        share(run, run.iterations[0], "pass@1") or ABSENT,
        f"{run.chosen}" + (" (unfinished)" if run.best is None else ""),
        share(run, run.chosen, "pass@1") or ABSENT,
        share(run, run.chosen, "repair@1") or ABSENT,
        duration(total_seconds(run)),
        compact(total_tokens(run)),
        change_at_best(run) or ABSENT,
    ]


def _at_first(run: RunRecord) -> Mapping[str, float]:
    """Return pass@1 of each problem in the chosen iteration; empty if it is unknown."""
    return run.values(run.chosen, run.headline_split, "pass@1") if run.headline_split else {}


def _change(first: Mapping[str, float], run: RunRecord) -> str:
    change = difference(first, _at_first(run))
    return change.percent("+") if change else ABSENT


def _loss(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def _count(number: float | None) -> str:
    return ABSENT if number is None else count(int(number))


def _percent(share: float | None) -> str:
    return ABSENT if share is None else percent(share)


def _parts(counts: dict[str, int]) -> str:
    return ", ".join(f"{plain(name)} {count(value)}" for name, value in counts.items()) or ABSENT
