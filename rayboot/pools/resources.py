"""Resources of Ray's nodes, and Ray's records of actors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ray
from ray._private import state

from rayboot.errors import UserError
from rayboot.values import JsonObject

Resources = dict[str, float]

PENDING_SECONDS = 30.0
"""An actor, a stage or a group of workers that waits longer for resources is reported."""

ABOUT_TO_START = "its node is about to start it"
"""Why an actor or task is pending whose resources are free."""


def check_fits(what: str, count: int, demand: Mapping[str, float], options: str) -> None:
    """Check that the actors fit on an idle cluster, each on a single node.

    Args:
        what: The actors' name, in the plural.
        count: Number of actors at the same time.
        demand: Resources that each requests from its node.
        options: Recipe options that reduce the demand.

    Raise UserError if not all of them fit.
    """
    nodes = _nodes()
    fitting = sum(_fitting(node, demand) for node in nodes.values())
    if fitting < count:
        raise UserError(
            f"{count} {what} ask for {described(demand)} each, every one on a single node, and the Ray cluster fits "
            f"{fitting:g} of them ({_listed(nodes, demand)}); ask for less with {options}, or add nodes"
        )


def why_pending(demand: Mapping[str, float]) -> str:
    """Return why an actor or task with this demand still waits for resources."""
    nodes = _nodes()
    if not any(_fitting(node, demand) for node in nodes.values()):
        return f"no node has {described(demand)} ({_listed(nodes, demand)})"
    free = state.available_resources_per_node()  # type: ignore[no-untyped-call]
    free_of_node = {name: free.get(name, {}) for name in nodes}
    if any(_fitting(node, demand) for node in free_of_node.values()):
        return ABOUT_TO_START
    return f"no node has {described(demand)} free ({_listed(nodes, demand, free_of_node)})"


def actor_record(actor: Any) -> JsonObject:
    """Return the record of an actor in Ray's control service (State, NumRestarts, Address); empty if it has none."""
    return dict(state.actors(actor._actor_id.hex()) or {})


def live_actors(name: str) -> set[str]:
    """Return the ids of this Ray job's actors whose class name contains `name` and that have not ended."""
    return {record["ActorID"] for record in _actors(name) if record["State"] != "DEAD"}


def restarts_of(name: str) -> int:
    """Return how often actors of this Ray job whose class name contains `name` were replaced."""
    return sum(record["NumRestarts"] for record in _actors(name))


def _actors(name: str) -> list[JsonObject]:
    """Return Ray's records of this job's actors whose class name contains `name`."""
    job = ray.JobID.from_hex(ray.get_runtime_context().get_job_id())
    return [record for record in state.actors(job_id=job).values() if name in record["ActorClassName"]]


def described(demand: Mapping[str, float]) -> str:
    return " and ".join(f"{amount:g} {kind}" for kind, amount in demand.items() if amount) or "nothing"


def _nodes() -> dict[str, Mapping[str, float]]:
    """Return the resources of each live node by its id."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]


def _fitting(node: Mapping[str, float], demand: Mapping[str, float]) -> float:
    """Return how many actors fit on a node; infinite for an empty demand."""
    shares = [node.get(kind, 0.0) / amount for kind, amount in demand.items() if amount]
    return math.floor(min(shares) + 1e-6) if shares else math.inf


def _listed(
    nodes: Mapping[str, Mapping[str, float]],
    demand: Mapping[str, float],
    free: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """Describe the total and, if given, the free resources of up to five nodes, restricted to the demanded kinds."""
    descriptions = []
    for name, node in list(nodes.items())[:5]:
        parts = [
            f"{node.get(kind, 0):g} {kind}"
            if free is None
            else f"{free[name].get(kind, 0):g} of {node.get(kind, 0):g} {kind}"
            for kind, amount in demand.items()
            if amount
        ]
        descriptions.append(f"node {name[:6]}: {', '.join(parts)}")
    more = len(nodes) - len(descriptions)
    return "; ".join(descriptions) + (f"; and {more} more" if more > 0 else "")
