"""What went wrong somewhere in a cluster, in one message for the person at the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rayboot.errors import RaybootError, UserError

DISK_FULL = ("No space left on device", "os error 28", "PytorchStreamWriter failed writing")
"""How the operating system, safetensors and torch report a full disk."""

_WRAPPED = ("cause", "_base_exc", "health_check_failure", "controller_failure")
"""Where Ray's and Ray Train's errors keep the one that they wrap."""

_IN_AN_ACTOR = re.compile(r"rayboot\.errors\.(UserError|RaybootError): (.+)")

_RAISED = re.compile(r"[\w.]*(?:Error|Exception|Failure|Died)(?:\([^)]*\))?: ")
_ADVICE = ("To change retry attempts", "To disable", "For more information", "See more details")
LONGEST = 500
"""Characters of an error's text that a message quotes."""


@contextmanager
def named(what: str) -> Iterator[None]:
    """Raise what fails in the block as a `RaybootError` that says `what` failed and why.

    Ray wraps a remote error in its own, whose message is a page of remote traceback; that one stays as the cause.
    """
    try:
        yield
    except Exception as error:
        if type(error) in (
            RaybootError,
            UserError,
        ):  # raised here; a remote one is of a class of Ray's, derived
            raise
        raise explain(what, error) from error


def explain(what: str, error: BaseException) -> RaybootError:
    """The error to raise in place of one of Ray's."""
    for cause in _causes(error):
        if type(cause) is UserError:
            return UserError(str(cause))
        if type(cause) is RaybootError:
            return RaybootError(str(cause))
    text = str(error)
    if raised := _IN_AN_ACTOR.findall(text):
        kind, message = raised[-1]
        return UserError(message) if kind == "UserError" else RaybootError(message)
    if is_disk_full(error):
        return RaybootError(
            f"the disk is full: {what} could not write its files; make room, and go on with --resume"
        )
    *_, last = _causes(error)
    return RaybootError(f"{what} failed: {type(last).__name__}: {reason(last)}")


def is_disk_full(error: BaseException) -> bool:
    return any(sign in str(error) for sign in DISK_FULL)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it wraps, innermost last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        inner = [getattr(seen, name, None) for name in _WRAPPED]
        workers = getattr(seen, "worker_failures", None) or {}  # Ray Train's, by rank
        causes = [*(workers[rank] for rank in sorted(workers)), *inner, seen.__cause__]
        seen = next((cause for cause in causes if isinstance(cause, BaseException)), None)


def reason(error: BaseException) -> str:
    """What an error says, in one line: of a remote traceback its last exception, without Ray's advice below it."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_ADVICE)] or lines
    raised = [number for number, line in enumerate(lines) if _RAISED.match(line)]
    said = " ".join(lines[raised[-1] :] if raised and "ray::" in text else lines)
    return said if len(said) <= LONGEST else said[:LONGEST] + " ..."
