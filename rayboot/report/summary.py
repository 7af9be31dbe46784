"""A run in sentences: what was done, from what to what, and at what cost."""

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
    "full": "a failing program goes back to the model, with the interpreter's error or with what its call returned and "
    "what was expected, and is repaired",
    "simple": "a failing program goes back to the model, with no more than that it is wrong, and is repaired",
    "none": "failing programs are not repaired in training rollouts",
    "finetune": "nothing is sampled, and the model trains on the problems' references",
}
"""What an algorithm does, by its feedback or else its type."""


class Story(Frozen):
    """What happened, for someone who has not seen the run."""

    lead: tuple[str, ...]
    """Sentences: what was done, and what came out."""
    more: tuple[str, ...]
    """Sentences: how, and at what cost."""


class Tile(Frozen):
    """A figure to see at once."""

    name: str
    value: str
    note: str = ""


def story(run: RunRecord, measured: Measures, chains: Iterable[RunChain]) -> Story:
    """Tell it."""
    said = [_what(run)]
    if run.headline_split is None:
        return Story(lead=(*said, "Nothing has been measured yet."), more=())
    if run.best is None and not _is_evaluation(run):
        last = run.iterations[-1]
        said.append(
            f"It is unfinished: {last} of {_iterations(run)} have been measured, and none has been chosen yet."
        )
    return Story(lead=(*said, _result(run, measured)), more=(*_repairs(chains), *_learned(run), *_cost(run)))


def tiles(run: RunRecord, measured: Measures) -> list[Tile]:
    """The figures of the first screen."""
    split = run.headline_split
    if split is None:
        return []
    first, chosen = run.iterations[0], chosen_iteration(run)
    found = []
    for metric in ("pass@1", "repair@1"):
        before, after = run.row(first, split), run.row(chosen, split)
        if before and after and metric in after.rates:
            value = percent(after.rates[metric])
            note = f"from {percent(before.rates[metric])}" if chosen != first else ""
            found.append(Tile(name=f"{split} {metric}", value=value, note=note))
    change = change_at_best(run, measured)
    if change:
        value, _, bounds = change.partition(" ")
        note = f"points {bounds}" if bounds else "points"
        found.append(Tile(name=f"change of {split} pass@1", value=value, note=note))
    if seconds := total_seconds(run):
        found.append(Tile(name="wall-clock time", value=duration(seconds), note="all stages"))
    if tokens := total_tokens(run):
        found.append(Tile(name="tokens", value=compact(tokens), note="read and written by engines"))
    return found


def chosen_iteration(run: RunRecord) -> int:
    """The best iteration; of an unfinished run the latest that is measured."""
    return run.iterations[-1] if run.best is None else run.best


def change_at_best(run: RunRecord, measured: Measures) -> str:
    """The change of pass@1 from iteration 0 to the chosen one; empty where there is none to speak of."""
    split, chosen = run.headline_split, chosen_iteration(run)
    if split is None or chosen == run.iterations[0]:
        return ""
    before, after = measured.get((run.iterations[0], split)), measured.get((chosen, split))
    if before and after and (change := difference(before.at_first, after.at_first)):
        return points(change)
    first, last = run.row(run.iterations[0], split), run.row(chosen, split)
    return f"{100 * (last.rates['pass@1'] - first.rates['pass@1']):+.1f}" if first and last else ""


def algorithm_of(run: RunRecord) -> str:
    """The run's algorithm, with what tells its repairs apart."""
    options = run.recipe.get("algorithm", {})
    feedback = f", feedback {options['feedback']}" if "feedback" in options else ""
    return f"{options.get('type', ABSENT)}{feedback}"


def _what(run: RunRecord) -> str:
    model = run.recipe.get("policy", {}).get("model", "a model")
    if _is_evaluation(run):
        row = run.rows[0]
        return f"{run.label} measures the model {row.model} on {row.dataset}."
    options = run.recipe.get("algorithm", {})
    how = HOW.get(options.get("feedback", options.get("type")), "")
    sizes = {split: _problems(run, split) for split in ("train", "validation", "test")}
    measured = [f"{count(n)} {split}" for split, n in sizes.items() if n and split != "train"]
    on = f" on {count(sizes['train'], 'training problem')}" if sizes["train"] else ""
    against = f", and measures it on {listed(measured)} problems" if measured else ""
    return (
        f"{run.label} trains the model {model} for {_iterations(run)}{on}{against}. "
        f"Its algorithm is {algorithm_of(run)}{': ' if how else ''}{how}."
    )


def _result(run: RunRecord, measured: Measures) -> str:
    split, chosen, first = run.headline_split, chosen_iteration(run), run.iterations[0]
    assert split is not None  # asked only of runs that have measured something
    before, after = (_solved(run, measured, number, split) for number in (first, chosen))
    if _is_evaluation(run):
        return f"It solves {before} of the problems at the first attempt."
    if chosen == first:
        chose = "; no refit did better on validation" if run.best is not None else ""
        return f"The pretrained model solves {before} of the {split} problems at the first attempt{chose}."
    why = "which validation chose" if run.best is not None else "the latest"
    said = (
        f"The pretrained model solved {before} of the {split} problems at the first attempt (pass@1); "
        f"after iteration {chosen}, {why}, it solves {after}"
    )
    change = change_at_best(run, measured)
    return f"{said}, a change of {change} points{_clear(run, measured)}." if change else f"{said}."


def _clear(run: RunRecord, measured: Measures) -> str:
    split = run.headline_split or ""
    before, after = measured.get((run.iterations[0], split)), measured.get((chosen_iteration(run), split))
    change = difference(before.at_first, after.at_first) if before and after else None
    if change is None:
        return ""
    return ", which may be chance: its interval holds 0" if change.low <= 0 <= change.high else ""


def _repairs(chains: Iterable[RunChain]) -> list[str]:
    """How many failing programs of the training rollouts a repair turned right."""
    failing = [c for c in chains if c.split == "train" and not c.passed_first and len(c.statuses) > 1]
    if not failing:
        return []
    repaired = sum(chain.passed for chain in failing)
    return [
        f"In the training rollouts, repairs turned {count(repaired)} of {count(len(failing), 'failing program')} "
        f"right ({percent(repaired / len(failing))})."
    ]


def _learned(run: RunRecord) -> list[str]:
    """What the last training set held."""
    sets = [(row.iteration, row.training_examples) for row in run.rows]
    made = [(iteration, examples) for iteration, examples in sets if examples]
    if not made:
        return []
    iteration, examples = made[-1]
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
    """Time and tokens, as far as they are known."""
    seconds, tokens = total_seconds(run), total_tokens(run)
    what = "The measured iterations" if run.best is None else "All stages together"
    parts = [f"took {duration(seconds)}"] if seconds else []
    parts += [f"read and wrote {count(tokens)} tokens"] if tokens else []
    return [f"{what} {listed(parts)}."] if parts else []


def _solved(run: RunRecord, measured: Measures, iteration: int, split: str) -> str:
    values = measured.get((iteration, split))
    if values and (known := interval(values.at_first)):
        return percent_interval(known)
    row = run.row(iteration, split)
    return percent(row.rates["pass@1"]) if row and "pass@1" in row.rates else "an unknown share"


def _problems(run: RunRecord, split: str) -> int:
    return max((row.problems or 0 for row in run.rows if row.split == split), default=0)


def _iterations(run: RunRecord) -> str:
    planned = run.recipe.get("algorithm", {}).get("iterations", run.iterations[-1] if run.iterations else 0)
    return count(planned, "iteration")


def _is_evaluation(run: RunRecord) -> bool:
    return bool(run.rows) and run.rows[0].dataset is not None
