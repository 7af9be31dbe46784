"""Turn errors from anywhere in a cluster into one message for the user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rayboot.errors import RaybootError, UserError

DISK_FULL = ("No space left on device", "os error 28", "PytorchStreamWriter failed writing")
"""Messages of the operating system, safetensors and torch for a full disk."""

_WRAPPED = ("cause", "_base_exc", "health_check_failure", "controller_failure")
"""Attributes in which Ray's and Ray Train's errors keep the one that they wrap."""

_IN_AN_ACTOR = re.compile(r"rayboot\.errors\.(UserError|RaybootError): (.+)")

_RAISED = re.compile(r"[\w.]*(?:Error|Exception|Failure|Died)(?:\([^)]*\))?: ")
_ADVICE = ("To change retry attempts", "To disable", "For more information", "See more details")
LONGEST = 500
"""Most characters of an error's text in a message."""


@contextmanager
def named(what: str) -> Iterator[None]:
    """Raise any error of the block as a `RaybootError` (or `UserError`) that says that `what` failed, and why.

    Ray's own error, whose message is a long remote traceback, becomes its cause.
    """
    try:
        yield
    except Exception as error:
        if type(error) in (RaybootError, UserError):  # raised locally; Ray derives a class for a remote one
            raise
        raise explain(what, error) from error


def explain(what: str, error: BaseException) -> RaybootError:
    """Return the error to raise in place of one of Ray's."""
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
            f"the disk is full: {what} could not write its files; free some space, and run it again (of a run, "
            "--resume keeps what is done)"
        )
    *_, last = _causes(error)
    return RaybootError(f"{what} failed: {type(last).__name__}: {reason(last)}")


def is_disk_full(error: BaseException) -> bool:
    return any(sign in str(error) for sign in DISK_FULL)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those that it wraps, the innermost last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        inner = [getattr(seen, name, None) for name in _WRAPPED]
        workers = getattr(seen, "worker_failures", None) or {}  # Ray Train's, by rank
        causes = [*(workers[rank] for rank in sorted(workers)), *inner, seen.__cause__]
        seen = next((cause for cause in causes if isinstance(cause, BaseException)), None)


def reason(error: BaseException) -> str:
    """Return an error's message in one line: of a remote traceback the last exception, without Ray's advice."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_ADVICE)] or lines
    raised = [number for number, line in enumerate(lines) if _RAISED.match(line)]
    said = " ".join(lines[raised[-1] :] if raised and "ray::" in text else lines)
    return said if len(said) <= LONGEST else said[:LONGEST] + " ..."
