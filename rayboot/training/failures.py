"""What went wrong in a refit, in one message for the person at the command line."""

from __future__ import annotations

from collections.abc import Iterator

from rayboot.errors import RaybootError, UserError

DISK_FULL = ("No space left on device", "os error 28", "PytorchStreamWriter failed writing")
"""How the operating system, safetensors and torch report a full disk."""


def explain(error: BaseException | None) -> RaybootError:
    """The error to raise in place of Ray Train's, whose own message is a page of remote traceback."""
    if error is None:
        return RaybootError("the refit failed: its workers left before it was finished")
    cause = _root(error)
    if isinstance(cause, RaybootError):
        return type(cause)(str(cause))
    text = f"{type(cause).__name__}: {cause}".strip()
    if any(sign in text for sign in DISK_FULL):
        return RaybootError(f"the disk is full: the refit could not save its weights ({_first_line(text)})")
    return RaybootError(f"the refit failed: {_first_line(text)}")


def _root(error: BaseException) -> BaseException:
    """The error that a worker's code raised, or the reason of its death. User errors before all others: when one
    worker fails, its peers fail in their collectives."""
    causes = list(_causes(error))
    return next((cause for cause in causes if isinstance(cause, UserError)), causes[0])


def _causes(error: BaseException) -> Iterator[BaseException]:
    workers = getattr(error, "worker_failures", None)
    if workers:
        for _, failure in sorted(workers.items()):
            yield from _causes(failure)
        return
    for attribute in ("_base_exc", "health_check_failure", "controller_failure"):
        inner = getattr(error, attribute, None)
        if isinstance(inner, BaseException):
            yield from _causes(inner)
            return
    yield error


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), text)
