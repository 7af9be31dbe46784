"""The strength of the isolation that this machine offers, and the reasons for it."""

from __future__ import annotations

from rayboot.sandbox.container import start_server
from rayboot.sandbox.verdict import Runtime, Tier
from rayboot.values import Frozen

MEANING: dict[Tier, str] = {
    "runsc": "a gVisor container, with seccomp inside: programs see a kernel of its own, and not the machine's",
    "A": "namespaces, Landlock and seccomp: programs see a private root, no network, no other process",
    "B": "Landlock and seccomp without namespaces, as in a container's default set-up",
    "C": "neither Landlock nor seccomp: programs are refused unless weak isolation is allowed",
}


class TierReport(Frozen):
    """The result of a canary program's attempts to break out."""

    tier: Tier
    meaning: str
    """One line on what the tier isolates."""
    reasons: tuple[str, ...] = ()
    """Why the tier is not stronger; empty at tier A."""
    counts_memory: bool = True
    """Whether the kernel counts the memory of all processes of a program together, in a control group."""


def detect_tier(runtime: Runtime = "native") -> TierReport:
    """Start a server, run the canary in it, and stop it. Takes a fraction of a second, or a second in a container.

    Raises:
        UserError: The runtime is `runsc`, and `runsc` is missing or cannot run here.
    """
    server = start_server(runtime, allow_weak=runtime == "native")
    try:
        server.wait_ready()
        return TierReport(
            tier=server.tier,
            meaning=MEANING[server.tier],
            reasons=server.reasons,
            counts_memory=server.counts_memory,
        )
    finally:
        server.close()
