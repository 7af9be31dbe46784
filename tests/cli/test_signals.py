"""A command that a signal ends has that signal's exit code, whatever else has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

COMMAND = """
import signal, sys
from rayboot.cli.signals import ended_by_signals

with ended_by_signals():
    signal.raise_signal(int(sys.argv[1]))
"""


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_though_nobody_reads_what_it_says(stop: signal.Signals, code: int) -> None:
    """As in `rayboot run ... 2>&1 | tee log`, where Ctrl-C ends `tee` as well."""
    reading, writing = os.pipe()
    os.close(reading)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored would be so in the command too
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, str(int(stop))],
        stdout=writing,
        stderr=writing,
        timeout=120,
        check=False,
    )
    os.close(writing)
    assert ended.returncode == code


IN_A_DESTRUCTOR = """
import signal, time
from rayboot.cli.signals import ended_by_signals

class Thing:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

with ended_by_signals():
    Thing()
    time.sleep(20)
    print("it went on")
"""


def test_a_signal_that_comes_where_python_lets_no_exception_out_ends_a_command_all_the_same() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IN_A_DESTRUCTOR], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "", "rayboot: stopped\n")
