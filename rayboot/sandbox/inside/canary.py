"""A small program that tries to break out: a tier counts only if every attempt of its canary fails."""

from __future__ import annotations

from .forkserver import ForkServer
from .run import run_job
from .stops import ForkServerDied

_PROGRAM = """
import os, socket

def opens(what):
    try:
        what()
        return True
    except OSError:
        return False

def doors():
    return [name for name, what in {
        "a file outside": lambda: open("/etc/passwd").close(),
        "another process": lambda: os.kill(os.getppid() or 2, 0),
        "a socket": lambda: socket.socket(socket.AF_INET).close(),
        "fork": lambda: os.fork() or os._exit(0),
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "writing outside": lambda: open("/usr/lib/rayboot-canary", "w").close(),
    }.items() if opens(what)]

def writes():
    open("here", "w").close()
    return True
"""
_LIMITS = {"timeout": 10.0, "memory": 1 << 30, "output": 1 << 16}


def breaches(server: ForkServer) -> str:
    """Return what the canary could do and should not have; empty if the isolation holds."""
    tests = [{"kind": "assert", "code": code} for code in ("assert doors() == []", "assert writes()")]
    job = {
        "language": "python",
        "program": _PROGRAM,
        "tests": tests,
        "setup_code": "",
        "entry_point": "",
        "limits": _LIMITS,
    }
    try:
        verdict = run_job(server, job)
    except ForkServerDied as error:
        return f"the fork server died: {error}"
    if verdict["status"] == "passed":
        return ""
    return f"the canary program: {verdict.get('got') or verdict.get('message') or verdict['status']}"
