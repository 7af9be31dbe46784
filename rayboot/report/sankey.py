"""The flow from the errors of first attempts to the outcomes of their repairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from rayboot.attempts import SKIPPED
from rayboot.report.outcomes import RunChain
from rayboot.report.svg import element, picture
from rayboot.report.words import count, percent

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
        *(_left(node, total) for node in sources),
        *(_right(node, total) for node in targets),
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


def _left(node: Node, total: int) -> Markup:
    return element(
        "g",
        element("rect", x=LEFT, y=node.y, width=NODE, height=max(node.height, 1.0)),
        _label(LEFT - 9, node, "end", total),
        class_="node wrong",
    )


def _right(node: Node, total: int) -> Markup:
    return element(
        "g",
        element("rect", x=WIDTH - RIGHT - NODE, y=node.y, width=NODE, height=max(node.height, 1.0)),
        _label(WIDTH - RIGHT + 9, node, "start", total),
        class_=f"node {_style(node.name)}",
    )


def _label(x: float, node: Node, anchor: str, total: int) -> Markup:
    name = node.name if len(node.name) <= 18 else node.name[:17] + "…"
    amount = element("tspan", f"{count(node.total)} ({_rounded(node.total / total)})", class_="faint")
    y = node.y + node.height / 2 + 4
    return element("text", f"{name} ", amount, x=x, y=y, text_anchor=anchor)


def _rounded(share: float) -> str:
    return "<1%" if share < 0.005 else f"{100 * share:.0f}%"


def _style(target: str) -> str:
    return "good" if target == REPAIRED else "wrong"
