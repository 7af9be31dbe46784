"""Run untrusted programs against tests, in isolation, and report what happened.

It can be used on its own, and imports neither Ray nor torch:

    from rayboot.problems.types import AssertTest
    from rayboot.sandbox import Sandbox

    with Sandbox(workers=2) as sandbox:
        verdict = sandbox.run("def double(x):\\n    return 2 * x", [AssertTest(code="assert double(4) == 8")])
        assert verdict.passed

docs/sandbox.md says how it works and what it does not cover.
"""

from __future__ import annotations

from rayboot.sandbox.inside.languages import LANGUAGES, missing
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.server import TierReport
from rayboot.sandbox.tiers import detect_tier
from rayboot.sandbox.verdict import Limits, Status, Tier, Verdict

__all__ = [
    "LANGUAGES",
    "Job",
    "Limits",
    "Sandbox",
    "Status",
    "Tier",
    "TierReport",
    "Verdict",
    "detect_tier",
    "missing",
]
