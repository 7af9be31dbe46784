"""What went wrong somewhere in a cluster, in one message for the person at the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rayboot.errors import RaybootError, UserError

DISK_FULL = "No space left on device"
_IN_AN_ACTOR = re.compile(r"rayboot\.errors\.(UserError|RaybootError): (.+)")


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


def explain(what: str, error: Exception) -> RaybootError:
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
    if DISK_FULL in text:
        return RaybootError(
            f"the disk is full: {what} could not write its files; make room, and go on with --resume"
        )
    *_, last = _causes(error)
    return RaybootError(f"{what} failed: {type(last).__name__}: {_last_line(str(last))}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it wraps, innermost last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        inner = getattr(seen, "cause", None)
        seen = inner if isinstance(inner, BaseException) else seen.__cause__


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else text
