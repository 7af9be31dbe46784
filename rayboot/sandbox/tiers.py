"""Start a server, in a container or not, and find how strong its isolation is."""

from __future__ import annotations

from collections.abc import Mapping

from rayboot.sandbox.container import ContainedServer
from rayboot.sandbox.server import Server, TierReport
from rayboot.sandbox.verdict import Runtime


def start_server(runtime: Runtime, allow_weak: bool, preload: Mapping[str, str]) -> Server:
    """Start a server. A container never allows weak isolation, since it offers more."""
    return ContainedServer(False, preload) if runtime == "runsc" else Server(allow_weak, preload)


def detect_tier(runtime: Runtime = "native") -> TierReport:
    """Start a server, run the canary in it, and stop it. Takes a fraction of a second, or a second in a container.

    Raise UserError if the runtime is `runsc`, and `runsc` is missing or cannot run here.
    """
    server = start_server(runtime, allow_weak=True, preload={})
    try:
        server.wait_ready()
        return server.report
    finally:
        server.close()
