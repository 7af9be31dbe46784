"""The summary of a run: sentences and tiles on the setting, the result and the cost."""

from __future__ import annotations

from collections.abc import Iterable

from rayboot.report.composition import in_order
from rayboot.report.costs import total_seconds, total_tokens
from rayboot.report.outcomes import Measures, RunChain, difference, interval
from rayboot.report.read import RunRecord
from rayboot.report.words import (
    ABSENT,
    compact,
    count,
    duration,
    listed,
    percent,
    percent_interval,
    plain,
    points,
)
from rayboot.values import Frozen

HOW = {
    "full": "the model repairs failing programs, given the interpreter's error, or the returned and the expected value",
    "simple": "the model repairs failing programs, given no more than that they are wrong",
    "none": "failing programs are not repaired in training rollouts",
    "finetune": "nothing is sampled, and the model trains on the problems' references",
}
"""Description of an algorithm, by its feedback or else its type."""


class RunSummary(Frozen):
    """A run in sentences."""

    lead: tuple[str, ...]
    """Sentences on the setting and the result."""
    more: tuple[str, ...]
    """Sentences on repairs, the training set and the cost."""


class Tile(Frozen):
    """A number at the top of the page."""

    name: str
    value: str
    note: str = ""


def summarize(run: RunRecord, measured: Measures, chains: Iterable[RunChain]) -> RunSummary:
    """Return a run's summary in sentences."""
    lead = [_setting(run)]
    if run.headline_split is None:
        return RunSummary(lead=(*lead, "Nothing has been measured yet."), more=())
    if run.best is None and not _is_evaluation(run):
        last = run.iterations[-1]
        lead.append(
            f"It is unfinished: {last} of {_iterations(run)} have been measured, and none has been chosen yet."
        )
    return RunSummary(
        lead=(*lead, _result(run, measured)), more=(*_repairs(chains), *_training_set(run), *_cost(run))
    )


def tiles(run: RunRecord, measured: Measures) -> list[Tile]:
    """Return the tiles of a run; empty if nothing is measured."""
    split = run.headline_split
    if split is None:
        return []
    first, chosen = run.iterations[0], chosen_iteration(run)
    shown = []
    for metric in ("pass@1", "repair@1"):
        before, after = run.row(first, split), run.row(chosen, split)
        if before and after and metric in after.rates:
            value = percent(after.rates[metric])
            note = f"from {percent(before.rates[metric])}" if chosen != first else ""
            shown.append(Tile(name=f"{split} {metric}", value=value, note=note))
    change = change_at_best(run, measured)
    if change:
        value, _, bounds = change.partition(" ")
        note = f"points {bounds}" if bounds else "points"
        shown.append(Tile(name=f"change of {split} pass@1", value=value, note=note))
    if seconds := total_seconds(run):
        shown.append(Tile(name="wall-clock time", value=duration(seconds), note="all stages"))
    if tokens := total_tokens(run):
        shown.append(Tile(name="tokens", value=compact(tokens), note="read and written by engines"))
    return shown


def chosen_iteration(run: RunRecord) -> int:
    """Return the best iteration; of an unfinished run the latest measured one."""
    return run.iterations[-1] if run.best is None else run.best


def change_at_best(run: RunRecord, measured: Measures) -> str:
    """Return the change of pass@1 from the first to the chosen iteration in points; empty if they are the same."""
    split, chosen = run.headline_split, chosen_iteration(run)
    if split is None or chosen == run.iterations[0]:
        return ""
    before, after = measured.get((run.iterations[0], split)), measured.get((chosen, split))
    if before and after and (change := difference(before.at_first, after.at_first)):
        return points(change)
    first, last = run.row(run.iterations[0], split), run.row(chosen, split)
    return f"{100 * (last.rates['pass@1'] - first.rates['pass@1']):+.1f}" if first and last else ""


def algorithm_of(run: RunRecord) -> str:
    """Return the name of the run's algorithm, with the option `feedback` if it has one."""
    options = dict(run.recipe.get("algorithm") or {})
    feedback = f", feedback {options['feedback']}" if "feedback" in options else ""
    return f"{options.get('type', ABSENT)}{feedback}"


def _setting(run: RunRecord) -> str:
    model = run.recipe.get("policy", {}).get("model", "a model")
    if _is_evaluation(run):
        row = run.rows[0]
        return f"{run.label} measures the model {row.model} on {row.dataset}."
    options = dict(run.recipe.get("algorithm") or {})
    description = HOW.get(str(options.get("feedback", options.get("type"))), "")
    sizes = {split: _problems(run, split) for split in ("train", "validation", "test")}
    measured = [f"{count(n)} {split}" for split, n in sizes.items() if n and split != "train"]
    on = f" on {count(sizes['train'], 'training problem')}" if sizes["train"] else ""
    against = f", and measures it on {listed(measured)} problems" if measured else ""
    return (
        f"{run.label} trains the model {model} for {_iterations(run)}{on}{against}. "
        f"Its algorithm is {algorithm_of(run)}{': ' if description else ''}{description}."
    )


def _result(run: RunRecord, measured: Measures) -> str:
    split, chosen, first = run.headline_split, chosen_iteration(run), run.iterations[0]
    assert split is not None  # the caller has checked that something is measured
    before, after = (_solved(run, measured, number, split) for number in (first, chosen))
    if _is_evaluation(run):
        return f"It solves {before} of the problems at the first attempt."
    if chosen == first:
        reason = "; no refit did better on validation" if run.best is not None else ""
        return f"The pretrained model solves {before} of the {split} problems at the first attempt{reason}."
    reason = "which validation chose" if run.best is not None else "the latest"
    sentence = (
        f"The pretrained model solved {before} of the {split} problems at the first attempt (pass@1); "
        f"after iteration {chosen}, {reason}, it solves {after}"
    )
    change = change_at_best(run, measured)
    return f"{sentence}, a change of {change} points{_caveat(run, measured)}." if change else f"{sentence}."


def _caveat(run: RunRecord, measured: Measures) -> str:
    """Return a clause for a change whose interval contains 0; else an empty string."""
    split = run.headline_split or ""
    before, after = measured.get((run.iterations[0], split)), measured.get((chosen_iteration(run), split))
    change = difference(before.at_first, after.at_first) if before and after else None
    if change is None:
        return ""
    return ", which may be noise: its interval contains 0" if change.low <= 0 <= change.high else ""


def _repairs(chains: Iterable[RunChain]) -> list[str]:
    """Return a sentence on the repairs in training rollouts; none without any."""
    failing = [c for c in chains if c.split == "train" and not c.passed_first and len(c.statuses) > 1]
    if not failing:
        return []
    repaired = sum(chain.passed for chain in failing)
    return [
        f"In the training rollouts, {count(repaired)} of {count(len(failing), 'failing program')} were repaired "
        f"({percent(repaired / len(failing))})."
    ]


def _training_set(run: RunRecord) -> list[str]:
    """Return a sentence on the last training set; none without any."""
    sets = [(row.iteration, row.training_examples) for row in run.rows]
    nonempty = [(iteration, examples) for iteration, examples in sets if examples]
    if not nonempty:
        return []
    iteration, examples = nonempty[-1]
    kinds = [
        f"{count(amount)} {_kind(kind, amount)}" for kind in in_order(examples) if (amount := examples[kind])
    ]
    return [f"The training set of iteration {iteration} held {listed(kinds)}."]


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


def _solved(run: RunRecord, measured: Measures, iteration: int, split: str) -> str:
    values = measured.get((iteration, split))
    if values and (estimate := interval(values.at_first)):
        return percent_interval(estimate)
    row = run.row(iteration, split)
    return percent(row.rates["pass@1"]) if row and "pass@1" in row.rates else "an unknown share"


def _problems(run: RunRecord, split: str) -> int:
    return max((row.problems or 0 for row in run.rows if row.split == split), default=0)


def _iterations(run: RunRecord) -> str:
    planned = run.recipe.get("algorithm", {}).get("iterations", run.iterations[-1] if run.iterations else 0)
    return count(planned, "iteration")


def _is_evaluation(run: RunRecord) -> bool:
    return bool(run.rows) and run.rows[0].dataset is not None
