"""What went wrong in a refit, in one message for the person at the command line."""

from __future__ import annotations

from rayboot.errors import RaybootError

DISK_FULL = ("No space left on device", "os error 28", "PytorchStreamWriter failed writing")
"""How the operating system, safetensors and torch report a full disk."""


def hopeless(error: Exception) -> RaybootError | None:
    """The error in our own words where trying again would not help; None where it might."""
    if isinstance(error, RaybootError):
        return error
    if any(sign in str(error) for sign in DISK_FULL):
        return RaybootError(
            f"the disk is full: the refit could not save its weights ({_first_line(str(error))})"
        )
    return None


def explain(error: BaseException | None) -> RaybootError:
    """The error to raise in place of Ray Train's, whose own message is a page of remote traceback."""
    if error is None:
        return RaybootError("the refit failed: its workers left before it was finished")
    cause = _root(error)
    text = _first_line(f"{type(cause).__name__}: {cause}")
    return RaybootError(f"the refit failed: {text}. Ray's logs of the worker have the traceback")


def _root(error: BaseException) -> BaseException:
    """The error that a worker's code raised, or the reason of its death."""
    workers = getattr(error, "worker_failures", None)
    if workers:
        return _root(workers[min(workers)])
    for attribute in ("_base_exc", "health_check_failure", "controller_failure"):
        inner = getattr(error, attribute, None)
        if isinstance(inner, BaseException):
            return _root(inner)
    return error


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), text)
