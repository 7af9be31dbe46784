"""The section on failing first attempts: the flow from their errors to the outcomes of their repairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from rayboot.attempts import SKIPPED
from rayboot.report.figure import Choice, Figure, Section, Table
from rayboot.report.outcomes import RunChain
from rayboot.report.read import SPLITS, RunRecord
from rayboot.report.svg import element, picture
from rayboot.report.words import count, percent

MAX_ITERATIONS = 8
"""Most iterations of a split in a menu; if there are more, evenly spaced ones are chosen."""

WIDTH = 680
LEFT, RIGHT, NODE = 192, 192, 12
FLOW_HEIGHT = 240
SLOT = 17
"""Least height of a node's slot, so that labels never overlap."""
GAP = 7
MAX_KINDS = 7
"""Most kinds of errors on a side; rarer ones are merged."""

REPAIRED = "repaired"
UNTRIED = "no repair tried"
OTHER = "other errors"

Flow = Counter[tuple[str, str]]
"""Number of failing first attempts by kind of error and by outcome."""


def repairs_section(runs: Sequence[RunRecord]) -> Section:
    """Return a section with a diagram for each split and iteration of each run."""
    choices = [Choice(run.label, figures) for run in runs if (figures := _figures(run.chains))]
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
    return [
        Figure(title, flow_chart(title, flow), _table(flow), _note(selected))
        for title, selected in selections
        if (flow := repair_flow(selected))
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
    totals = _totals(flow, 0)
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


class Node(NamedTuple):
    name: str
    total: int
    y: float
    height: float


def repair_flow(chains: Iterable[RunChain]) -> Flow:
    """Return the flow from the error of each failing first attempt to `repaired` or the error of the last repair."""
    flow: Flow = Counter()
    for chain in chains:
        if chain.generated and not chain.passed_first:
            flow[chain.failure(0), _outcome(chain)] += 1
    return _merge_rare(flow)


def flow_chart(title: str, flow: Flow) -> Markup:
    """Draw a Sankey diagram of a flow that is not empty."""
    total = sum(flow.values())
    sources = _nodes(_totals(flow, 0), total)
    targets = _nodes(_totals(flow, 1), total, first=REPAIRED)
    height = max(nodes[-1].y + max(nodes[-1].height, SLOT) for nodes in (sources, targets)) + 8
    label = f"{title}: " + "; ".join(
        f"{amount} {source} to {target}" for (source, target), amount in flow.most_common()
    )
    return picture(
        WIDTH,
        height,
        label,
        *_ribbons(flow, sources, targets, total),
        *(_node(node, LEFT, "end", "wrong", total) for node in sources),
        *(_node(node, WIDTH - RIGHT - NODE, "start", _style(node.name), total) for node in targets),
    )


def _outcome(chain: RunChain) -> str:
    if chain.passed:
        return REPAIRED
    if len(chain.statuses) == 1 or chain.statuses[1] == SKIPPED:
        return UNTRIED
    rounds = [number for number, status in enumerate(chain.statuses) if status != SKIPPED]
    return chain.failure(rounds[-1])


def _merge_rare(flow: Flow) -> Flow:
    """Merge rare kinds of errors into one, on each side."""
    kept = [{name for name, _ in _totals(flow, side).most_common(MAX_KINDS)} for side in (0, 1)]
    kept[1] |= {REPAIRED, UNTRIED}
    merged: Flow = Counter()
    for ends, amount in flow.items():
        source, target = (end if end in kept[side] else OTHER for side, end in enumerate(ends))
        merged[source, target] += amount
    return merged


def _totals(flow: Mapping[tuple[str, str], int], side: int) -> Counter[str]:
    totals: Counter[str] = Counter()
    for ends, amount in flow.items():
        totals[ends[side]] += amount
    return totals


def _nodes(totals: Counter[str], all_: int, first: str = "") -> list[Node]:
    nodes, y = [], 4.0
    for name, amount in sorted(totals.items(), key=lambda item: (item[0] != first, -item[1], item[0])):
        height = FLOW_HEIGHT * amount / all_
        slot = max(height, SLOT)
        nodes.append(Node(name, amount, y + (slot - height) / 2, height))
        y += slot + GAP
    return nodes


def _ribbons(flow: Flow, sources: Sequence[Node], targets: Sequence[Node], total: int) -> list[Markup]:
    left = {node.name: node.y for node in sources}
    right = {node.name: node.y for node in targets}
    ribbons = []
    for source in sources:
        for target in targets:
            if amount := flow[source.name, target.name]:
                height = FLOW_HEIGHT * amount / total
                ribbons.append(_ribbon(source, target, amount, left[source.name], right[target.name], height))
                left[source.name] += height
                right[target.name] += height
    return ribbons


def _ribbon(source: Node, target: Node, amount: int, left: float, right: float, height: float) -> Markup:
    start, end = LEFT + NODE, WIDTH - RIGHT - NODE
    middle = (start + end) / 2
    path = (
        f"M{start},{left:.1f}C{middle},{left:.1f} {middle},{right:.1f} {end},{right:.1f}"
        f"V{right + height:.1f}C{middle},{right + height:.1f} {middle},{left + height:.1f} {start},{left + height:.1f}Z"
    )
    tip = f"{source.name} → {target.name}\n{amount} of {source.total} ({percent(amount / source.total)})"
    return element("path", d=path, class_=f"ribbon hit {_style(target.name)}", data_tip=tip)


def _node(node: Node, x: float, side: str, style: str, total: int) -> Markup:
    """Draw a node with its label on the left (`end` of the text) or on the right (`start`)."""
    label_x = x - 9 if side == "end" else x + NODE + 9
    box = element("rect", x=x, y=node.y, width=NODE, height=max(node.height, 1.0))
    return element("g", box, _label(label_x, node, side, total), class_=f"node {style}")


def _label(x: float, node: Node, anchor: str, total: int) -> Markup:
    name = node.name if len(node.name) <= 18 else node.name[:17] + "…"
    share = node.total / total
    rounded = "<1%" if share < 0.005 else f"{100 * share:.0f}%"
    amount = element("tspan", f"{count(node.total)} ({rounded})", class_="faint")
    y = node.y + node.height / 2 + 4
    return element("text", f"{name} ", amount, x=x, y=y, text_anchor=anchor)


def _style(target: str) -> str:
    return "good" if target == REPAIRED else "wrong"
