"""Fixtures that several parts' tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """A local Ray of the tests' own, for as long as they run."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    for tries_left in (2, 1, 0):
        try:
            ray.init(
                "local",
                num_cpus=8,  # pools that stay for a whole session must leave room for the next test's
                num_gpus=3,  # which Ray counts as it is told; none has to be there
                resources={"room": 2},  # of which no pool takes any
                include_dashboard=False,
                log_to_driver=False,
                logging_level="error",
            )
            break
        except Exception:  # its parts did not answer within 30 s, as on a busy machine
            ray.shutdown()
            if not tries_left:
                raise
    yield
    ray.shutdown()
