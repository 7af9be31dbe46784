"""The section on failing programs: what was wrong with them, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from rayboot.report.figure import Choice, Figure, Section, Table
from rayboot.report.outcomes import RunChain
from rayboot.report.read import SPLITS, RunRecord
from rayboot.report.sankey import Flow, flow_chart, repair_flow
from rayboot.report.words import count, percent

MOST = 8
"""Iterations of a split that a menu offers at most; evenly spaced ones, if there are more."""


def repairs_section(runs: Sequence[RunRecord], chains: Sequence[Sequence[RunChain]]) -> Section | None:
    """A diagram for each split and iteration of each run, chosen by a menu."""
    choices = [
        Choice(run.label, figures) for run, its in zip(runs, chains, strict=True) if (figures := _of_run(its))
    ]
    if not choices:
        return None
    return Section(
        id="repairs",
        title="What went wrong, and what was repaired",
        text=(
            "On the left are the first attempts that failed, by what was wrong with them. On the right is what became "
            "of them: repaired, or what is wrong with the last repair."
        ),
        choices=choices,
    )


def _of_run(chains: Sequence[RunChain]) -> list[Figure]:
    found: list[tuple[str, list[RunChain]]] = []
    for split in reversed(SPLITS):
        its = [chain for chain in chains if chain.split == split]
        iterations = sorted({chain.iteration for chain in its})
        name = "training rollout" if split == "train" else f"{split} problems"
        if len(iterations) > 1:
            found.append((f"{name}, all iterations", its))
        found += [
            (f"{name}, iteration {number}", [chain for chain in its if chain.iteration == number])
            for number in _spread(iterations)
        ]
    flows = [(title, part, flow) for title, part in found if (flow := repair_flow(part))]
    return [Figure(title, flow_chart(title, flow), _table(flow), _note(part)) for title, part, flow in flows]


def _note(chains: Sequence[RunChain]) -> str:
    made = [chain for chain in chains if chain.made]
    failed = [chain for chain in made if not chain.passed_first]
    repaired = sum(chain.passed for chain in failed)
    return (
        f"{count(len(made) - len(failed))} of {count(len(made), 'first attempt')} passed, {count(len(failed))} failed; "
        f"{count(repaired)} of these were repaired ({percent(repaired / len(failed))})."
    )


def _table(flow: Flow) -> Table:
    totals: dict[str, int] = {}
    for (source, _), amount in flow.items():
        totals[source] = totals.get(source, 0) + amount
    ordered = sorted(flow.items(), key=lambda item: (-totals[item[0][0]], item[0][0], -item[1]))
    rows = [
        [source, target, count(amount), percent(amount / totals[source])]
        for (source, target), amount in ordered
    ]
    return Table(["first attempt", "outcome", "programs", "share"], rows)


def _spread(iterations: Sequence[int]) -> list[int]:
    if len(iterations) <= MOST:
        return list(iterations)
    last = len(iterations) - 1
    return [iterations[round(number * last / (MOST - 1))] for number in range(MOST)]
