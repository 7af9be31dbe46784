"""What Ray's nodes have, who holds it, and what becomes of single actors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ray
from ray._private import state

from rayboot.errors import UserError

Resources = dict[str, float]


def check_fits(what: str, count: int, asks: Mapping[str, float], options: str) -> None:
    """Refuse actors that could never all be placed, each on one node.

    Args:
        what: The actors' name, in the plural.
        count: Actors at the same time.
        asks: What each asks of its node.
        options: Recipe options by which less can be asked.

    Raises:
        UserError: Even an idle cluster has no place for that many.
    """
    nodes = _nodes()
    fitting = sum(_fitting(node, asks) for node in nodes.values())
    if fitting < count:
        raise UserError(
            f"{count} {what} ask for {described(asks)} each, every one on a single node, and the Ray cluster has room "
            f"for {fitting:g} ({_listed(nodes, asks)}); ask for less with {options}, or add nodes"
        )


def why_pending(asks: Mapping[str, float]) -> str:
    """Why an actor that asks for this has no place yet."""
    nodes = _nodes()
    if not any(_fitting(node, asks) for node in nodes.values()):
        return f"no node has {described(asks)} ({_listed(nodes, asks)})"
    free = state.available_resources_per_node()  # type: ignore[no-untyped-call]
    left = {name: free.get(name, {}) for name in nodes}
    if any(_fitting(node, asks) for node in left.values()):
        return "its node is about to start it"
    return f"no node has {described(asks)} free ({_listed(nodes, asks, left)})"


def actor_record(actor: Any) -> dict[str, Any]:
    """What Ray's control service knows of an actor: State, NumRestarts, Address; empty if nothing."""
    return dict(state.actors(actor._actor_id.hex()) or {})


def restarts_of(name: str) -> int:
    """Times that actors of this job whose class has `name` in its own were replaced."""
    job = ray.JobID.from_hex(ray.get_runtime_context().get_job_id())
    records = state.actors(job_id=job).values()
    return sum(record["NumRestarts"] for record in records if name in record["ActorClassName"])


def described(asks: Mapping[str, float]) -> str:
    return " and ".join(f"{amount:g} {kind}" for kind, amount in asks.items() if amount) or "nothing"


def _nodes() -> dict[str, Mapping[str, float]]:
    """Resources of each node that is alive, by its id."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]


def _fitting(node: Mapping[str, float], asks: Mapping[str, float]) -> float:
    """Actors that fit on a node."""
    shares = [node.get(kind, 0.0) / amount for kind, amount in asks.items() if amount]
    return math.floor(min(shares) + 1e-6) if shares else math.inf


def _listed(
    nodes: Mapping[str, Mapping[str, float]],
    asks: Mapping[str, float],
    free: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """What up to five nodes have, and have free, of what is asked."""
    told = []
    for name, node in list(nodes.items())[:5]:
        parts = [
            f"{node.get(kind, 0):g} {kind}"
            if free is None
            else f"{free[name].get(kind, 0):g} of {node.get(kind, 0):g} {kind}"
            for kind, amount in asks.items()
            if amount
        ]
        told.append(f"node {name[:6]}: {', '.join(parts)}")
    more = len(nodes) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")
