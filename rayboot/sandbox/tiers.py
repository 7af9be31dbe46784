"""How strong the isolation is that this machine offers, and why."""

from __future__ import annotations

from rayboot.problems.types import Frozen
from rayboot.sandbox.server import Server
from rayboot.sandbox.verdict import Tier

MEANING: dict[Tier, str] = {
    "A": "namespaces, Landlock and seccomp: programs see a private root, no network, no other process",
    "B": "Landlock and seccomp without namespaces, as in a container's default set-up",
    "C": "neither Landlock nor seccomp: programs are refused unless weak isolation is allowed",
}


class TierReport(Frozen):
    """What a canary program found when it tried to break out."""

    tier: Tier
    meaning: str
    """One line that says what the tier isolates."""
    reasons: tuple[str, ...] = ()
    """Why the tier is not stronger; empty at tier A."""


def detect_tier() -> TierReport:
    """Start a server, run the canary in it, and end it: takes a fraction of a second."""
    server = Server(allow_weak=True)
    try:
        server.wait_ready()
        return TierReport(tier=server.tier, meaning=MEANING[server.tier], reasons=server.reasons)
    finally:
        server.close()
