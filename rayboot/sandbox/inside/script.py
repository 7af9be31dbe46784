"""The program's own process, for tests by standard input and output: it runs the program as a script, once."""

from __future__ import annotations

import atexit
import gc
import os
import socket
import sys
import traceback
from types import CodeType

from . import framing
from .program import describe, load
from .streams import flush, flush_all


def run(channel: socket.socket, code: CodeType | str, prelude: str) -> None:
    """Run the program as `__main__`. Send `["syntax", ...]`, `["raised", ...]` or nothing, then exit as it would."""
    compiled, namespace = load(channel, code, "__main__", prelude)
    status = 0
    try:
        exec(compiled, namespace)
    except SystemExit as exit:
        status = _exit_status(exit.code)
    except BaseException as error:
        status = 1
        traceback.print_exception(error, file=sys.stderr)
        framing.send(channel, ["raised", describe(error)])
    import threading  # the fork server has imported it, without fork handlers

    threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does: wait for threads,
    atexit._run_exitfuncs()  # run the exit functions (some programs print there), flush, and end what is left
    flush()
    flush_all()
    namespace |= dict.fromkeys(namespace.keys() - {"__builtins__"})
    gc.collect()  # objects that refer to each other may have a `__del__`, too
    flush()
    os._exit(status)


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
