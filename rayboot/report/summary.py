"""The summary of a run: sentences and tiles on the setting, the result and the cost."""

from __future__ import annotations

from typing import NamedTuple

from rayboot.metrics import Interval
from rayboot.report.composition import in_order
from rayboot.report.costs import total_seconds, total_tokens
from rayboot.report.outcomes import difference
from rayboot.report.read import RunRecord
from rayboot.report.words import ABSENT, compact, count, duration, listed, percent, percent_interval, plain

HOW = {
    "full": "the model repairs failing programs, given the interpreter's error, or the returned and the expected value",
    "simple": "the model repairs failing programs, given no more than that they are wrong",
    "none": "failing programs are not repaired in training rollouts",
    "finetune": "nothing is sampled, and the model trains on the problems' references",
}
"""Description of an algorithm, by its feedback or else its type."""


class RunSummary(NamedTuple):
    """A run in sentences."""

    lead: list[str]
    """Sentences on the setting and the result."""
    more: list[str]
    """Sentences on repairs, the training set and the cost."""


class Tile(NamedTuple):
    """A number at the top of the page."""

    name: str
    value: str
    note: str


def summarize(run: RunRecord) -> RunSummary:
    """Return a run's summary in sentences."""
    lead = [_setting(run)]
    if run.headline_split is None:
        return RunSummary([*lead, "Nothing has been measured yet."], [])
    if run.best is None and not _is_evaluation(run):
        last = run.iterations[-1]
        lead.append(
            f"It is unfinished: {last} of {_iterations(run)} have been measured, and none has been chosen yet."
        )
    return RunSummary(
        [*lead, _result(run, run.headline_split)], [*_repairs(run), *_training_set(run), *_cost(run)]
    )


def tiles(run: RunRecord) -> list[Tile]:
    """Return the tiles of a run; empty if nothing is measured."""
    split = run.headline_split
    if split is None:
        return []
    first, chosen = run.iterations[0], run.chosen
    shown = []
    for metric in ("pass@1", "repair@1"):
        before, after = run.row(first, split), run.row(chosen, split)
        if before and after and metric in after.rates:
            note = f"from {percent(before.rates[metric])}" if chosen != first else ""
            shown.append(Tile(f"{split} {metric}", percent(after.rates[metric]), note))
    if change := change_at_best(run):
        value, _, bounds = change.partition(" ")
        shown.append(Tile(f"change of {split} pass@1", value, f"points {bounds}".rstrip()))
    if seconds := total_seconds(run):
        shown.append(Tile("wall-clock time", duration(seconds), "all stages"))
    if tokens := total_tokens(run):
        shown.append(Tile("tokens", compact(tokens), "read and written by engines"))
    return shown


def share(run: RunRecord, iteration: int, metric: str) -> str:
    """Return a metric of the headline split in percent, with its interval if known; empty if it is not measured."""
    split = run.headline_split or ""
    if interval := run.interval(iteration, split, metric):
        return percent_interval(interval)
    row = run.row(iteration, split)
    return percent(row.rates[metric]) if row and metric in row.rates else ""


def change_at_best(run: RunRecord) -> str:
    """Return the change of pass@1 from the first to the chosen iteration in points; empty if they are the same."""
    split = run.headline_split
    if split is None or run.chosen == run.iterations[0]:
        return ""
    if change := _change(run, split):
        return change.percent("+")
    first, last = run.row(run.iterations[0], split), run.row(run.chosen, split)
    return f"{100 * (last.rates['pass@1'] - first.rates['pass@1']):+.1f}" if first and last else ""


def _change(run: RunRecord, split: str) -> Interval | None:
    before, after = (run.values(number, split, "pass@1") for number in (run.iterations[0], run.chosen))
    return difference(before, after)


def algorithm_of(run: RunRecord) -> str:
    """Return the name of the run's algorithm, with the option `feedback` if it has one."""
    feedback = run.option("algorithm", "feedback")
    return f"{run.option('algorithm', 'type') or ABSENT}{f', feedback {feedback}' if feedback else ''}"


def _setting(run: RunRecord) -> str:
    if _is_evaluation(run):
        row = run.rows[0]
        return f"{run.label} measures the model {row.model} on {row.dataset}."
    how = run.option("algorithm", "feedback") or run.option("algorithm", "type")
    description = f": {HOW[str(how)]}" if str(how) in HOW else ""
    sizes = {split: _problems(run, split) for split in ("train", "validation", "test")}
    measured = [f"{count(n)} {split}" for split, n in sizes.items() if n and split != "train"]
    on = f" on {count(sizes['train'], 'training problem')}" if sizes["train"] else ""
    against = f", and measures it on {listed(measured)} problems" if measured else ""
    return (
        f"{run.label} trains the model {run.option('policy', 'model') or 'a model'} for {_iterations(run)}{on}"
        f"{against}. Its algorithm is {algorithm_of(run)}{description}."
    )


def _result(run: RunRecord, split: str) -> str:
    before, after = (
        share(run, number, "pass@1") or "an unknown share" for number in (run.iterations[0], run.chosen)
    )
    if _is_evaluation(run):
        return f"It solves {before} of the problems at the first attempt."
    if run.chosen == run.iterations[0]:
        reason = "; no refit did better on validation" if run.best is not None else ""
        return f"The pretrained model solves {before} of the {split} problems at the first attempt{reason}."
    reason = "which validation chose" if run.best is not None else "the latest"
    sentence = (
        f"The pretrained model solved {before} of the {split} problems at the first attempt (pass@1); "
        f"after iteration {run.chosen}, {reason}, it solves {after}"
    )
    change = change_at_best(run)
    if not change:
        return f"{sentence}."
    interval = _change(run, split)
    is_unsure = interval and interval.low <= 0 <= interval.high
    caveat = ", which may be noise: its interval contains 0" if is_unsure else ""
    return f"{sentence}, a change of {change} points{caveat}."


def _repairs(run: RunRecord) -> list[str]:
    """Return a sentence on the repairs in training rollouts; none without any."""
    failing = [c for c in run.chains if c.split == "train" and not c.passed_first and len(c.statuses) > 1]
    if not failing:
        return []
    repaired = sum(chain.passed for chain in failing)
    return [
        f"In the training rollouts, {count(repaired)} of {count(len(failing), 'failing program')} were repaired "
        f"({percent(repaired / len(failing))})."
    ]


def _training_set(run: RunRecord) -> list[str]:
    """Return a sentence on the last training set; none without any."""
    rows = [row for row in run.rows if row.training_examples]
    if not rows:
        return []
    examples = rows[-1].training_examples
    kinds = [
        f"{count(amount)} {_kind(kind, amount)}" for kind in in_order(examples) if (amount := examples[kind])
    ]
    return [f"The training set of iteration {rows[-1].iteration} held {listed(kinds)}."]


def _kind(kind: str, amount: int) -> str:
    words = {
        "solution": "of the model's own solutions",
        "repair": "of its repairs",
        "repair_on_first_prompt": "repairs on first prompts",
        "reference": f"reference{'' if amount == 1 else 's'}",
        "replay": "replayed from earlier iterations",
    }
    return words.get(kind, plain(kind))


def _cost(run: RunRecord) -> list[str]:
    """Return a sentence on time and tokens, as far as they are known."""
    seconds, tokens = total_seconds(run), total_tokens(run)
    subject = "The measured iterations" if run.best is None else "All stages together"
    parts = [f"took {duration(seconds)}"] if seconds else []
    parts += [f"read and wrote {count(tokens)} tokens"] if tokens else []
    return [f"{subject} {listed(parts)}."] if parts else []


def _problems(run: RunRecord, split: str) -> int:
    return max((row.problems or 0 for row in run.rows if row.split == split), default=0)


def _iterations(run: RunRecord) -> str:
    planned = run.option("algorithm", "iterations")
    measured = run.iterations[-1] if run.iterations else 0
    return count(planned if isinstance(planned, int) else measured, "iteration")


def _is_evaluation(run: RunRecord) -> bool:
    return bool(run.rows) and run.rows[0].dataset is not None
