"""Fixtures of the sandbox's tests: one shared sandbox, and shortcuts to run programs in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rayboot.problems import AssertTest, StdioTest
from rayboot.sandbox import server
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

PATIENT = Limits(timeout=20.0)
"""For programs that should end before the limit, on a slow machine too."""
RunAsserts = Callable[..., Verdict]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1, limits=PATIENT) as shared:
        if shared.tier == "C":
            pytest.skip("hostile programs run at tier A or B only")
        yield shared


@pytest.fixture(scope="session")
def tier_b() -> Iterator[Sandbox]:
    """Yield a sandbox that uses no namespaces, as in a container's default set-up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "BOOT", server.BOOT.replace("*sys.argv[3:]", "sys.argv[3], 'B'"))
        weaker = Sandbox(workers=1, limits=Limits(timeout=5.0))
    with weaker:
        assert weaker.tier == "B"
        yield weaker


@pytest.fixture(scope="session", params=["A", "B"])
def each_tier(request: pytest.FixtureRequest) -> Sandbox:
    """Return the shared sandbox, and the one without namespaces."""
    found: Sandbox = request.getfixturevalue("sandbox" if request.param == "A" else "tier_b")
    return found


@pytest.fixture
def check(sandbox: Sandbox) -> RunAsserts:
    """Return a function: check(program, *asserts, setup_code=..., limits=..., entry_point=...)."""

    def run(program: str, *asserts: str, **options: object) -> Verdict:
        return sandbox.run(program, [AssertTest(code=code) for code in asserts], **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def check_io(sandbox: Sandbox) -> RunAsserts:
    """Return a function: check_io(program, (stdin, stdout), ...)."""

    def run(program: str, *pairs: tuple[str, str], limits: Limits | None = None) -> Verdict:
        return sandbox.run(program, [StdioTest(stdin=i, stdout=o) for i, o in pairs], limits=limits)

    return run
