"""Reasons why a job ends before its tests are done. Each has the fields of its verdict."""

from __future__ import annotations

from .framing import Message


class Stop(Exception):
    status = "sandbox_error"

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message)
        self.fields = fields

    def outcome(self) -> Message:
        return {"status": self.status, "message": str(self), **self.fields}


def reported_error(description: object) -> Message:
    """Return the fields of an exception, as the program itself reports it."""
    fields = description if isinstance(description, dict) else {}
    line = fields.get("line")
    return {
        "error_type": str(fields.get("type", ""))[:80],
        "message": str(fields.get("message", ""))[:1000],
        "line": line if type(line) is int else None,
    }


class TimedOut(Stop):
    status = "timeout"


class TooMuchMemory(Stop):
    status = "memory_limit"

    def __init__(self) -> None:
        super().__init__("the program's processes need more memory", error_type="MemoryError")


class TooMuchOutput(Stop):
    status = "output_limit"


class Ended(Stop):
    """The program's process ended, or closed its channel, while an answer was awaited."""


class Misbehaved(Stop):
    """The program wrote something other than answers to its channel."""

    status = "error"

    def __init__(self, message: str = "the program wrote to the sandbox's own channel") -> None:
        super().__init__(message, error_type="ProtocolError")


class ForkServerDied(Exception):
    """The fork server has to be replaced. The job is not to blame yet."""


class HelperFailed(ForkServerDied):
    """A process of the sandbox itself died: a persistent compiler or judge."""
