"""Any error in a cluster becomes one message."""

from __future__ import annotations

import errno

import pytest

from rayboot.errors import RaybootError, UserError
from rayboot.pools.failures import named


def raised_remotely(kind: str, in_constructor: bool = False) -> None:
    import ray

    def fail() -> None:
        if kind == "user":
            raise UserError("model directory x has no tokenizer")
        if kind == "disk":
            raise OSError(errno.ENOSPC, "No space left on device", "/x")
        raise ValueError("first line\nlast line")

    @ray.remote(num_cpus=0)
    class Actor:
        def __init__(self) -> None:
            if in_constructor:
                fail()

        def work(self) -> None:
            fail()

    ray.get(Actor.remote().work.remote())


@pytest.mark.parametrize("in_constructor", [False, True])
@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("user", UserError, "^model directory x has no tokenizer$"),
        (
            "disk",
            RaybootError,
            r"^the disk is full: rollout could not write its files; free some space, and run it again \(.*\)$",
        ),
        ("other", RaybootError, "^rollout failed: .*ValueError: first line last line$"),
    ],
)
def test_a_remote_error_becomes_one_line(
    ray_session: None, kind: str, error: type[RaybootError], message: str, in_constructor: bool
) -> None:
    with pytest.raises(error, match=message) as raised, named("rollout"):
        raised_remotely(kind, in_constructor)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)


def test_a_message_names_the_cause_and_not_the_advice_below_it() -> None:
    text = "half a character in row 3\nTo change retry attempts, set max_task_retries."
    message = r"^rollout failed: ValueError: half a character in row 3$"
    with pytest.raises(RaybootError, match=message), named("rollout"):
        raise ValueError(text)
