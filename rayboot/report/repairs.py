"""The section on failing first attempts: their errors, and the outcomes of their repairs."""

from __future__ import annotations

from collections.abc import Sequence

from rayboot.report.figure import Choice, Figure, Section, Table
from rayboot.report.outcomes import RunChain
from rayboot.report.read import SPLITS, RunRecord
from rayboot.report.sankey import Flow, flow_chart, repair_flow
from rayboot.report.words import count, percent

MAX_ITERATIONS = 8
"""Most iterations of a split in a menu; if there are more, evenly spaced ones are chosen."""


def repairs_section(runs: Sequence[RunRecord], chains: Sequence[Sequence[RunChain]]) -> Section | None:
    """Return a section with a diagram for each split and iteration of each run; None without failing attempts."""
    choices = [
        Choice(run.label, figures)
        for run, chains_of_run in zip(runs, chains, strict=True)
        if (figures := _figures(chains_of_run))
    ]
    if not choices:
        return None
    return Section(
        id="repairs",
        title="What went wrong, and what was repaired",
        text=(
            "On the left are the first attempts that failed, by their error. On the right are the outcomes: repaired, "
            "or the error of the last repair."
        ),
        choices=choices,
    )


def _figures(chains: Sequence[RunChain]) -> list[Figure]:
    selections: list[tuple[str, list[RunChain]]] = []
    for split in reversed(SPLITS):
        of_split = [chain for chain in chains if chain.split == split]
        iterations = sorted({chain.iteration for chain in of_split})
        name = "training rollout" if split == "train" else f"{split} problems"
        if len(iterations) > 1:
            selections.append((f"{name}, all iterations", of_split))
        selections += [
            (f"{name}, iteration {number}", [chain for chain in of_split if chain.iteration == number])
            for number in _evenly_spaced(iterations)
        ]
    flows = [(title, selected, flow) for title, selected in selections if (flow := repair_flow(selected))]
    return [
        Figure(title, flow_chart(title, flow), _table(flow), _note(selected))
        for title, selected, flow in flows
    ]


def _note(chains: Sequence[RunChain]) -> str:
    first_attempts = [chain for chain in chains if chain.generated]
    failed = [chain for chain in first_attempts if not chain.passed_first]
    repaired = sum(chain.passed for chain in failed)
    return (
        f"{count(len(first_attempts) - len(failed))} of {count(len(first_attempts), 'first attempt')} passed, "
        f"{count(len(failed))} failed; {count(repaired)} of these were repaired ({percent(repaired / len(failed))})."
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


def _evenly_spaced(iterations: Sequence[int]) -> list[int]:
    if len(iterations) <= MAX_ITERATIONS:
        return list(iterations)
    last = len(iterations) - 1
    return [iterations[round(number * last / (MAX_ITERATIONS - 1))] for number in range(MAX_ITERATIONS)]
