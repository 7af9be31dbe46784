"""A command that a signal ends has the exit code of that signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

COMMAND = """
import signal, sys
from rayboot.cli.signals import handle_signals

with handle_signals():
    signal.raise_signal(int(sys.argv[1]))
"""


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_whose_output_has_no_reader(stop: signal.Signals, code: int) -> None:
    """As in `rayboot run ... 2>&1 | tee log`, where Ctrl-C ends `tee` as well."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the command would inherit an ignored signal
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, str(int(stop))],
        stdout=write_end,
        stderr=write_end,
        timeout=120,
        check=False,
    )
    os.close(write_end)
    assert done.returncode == code


IN_A_DESTRUCTOR = """
import signal, time
from rayboot.cli.signals import handle_signals

class Thing:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

with handle_signals():
    Thing()
    time.sleep(20)
    print("it went on")
"""


def test_a_signal_in_a_destructor_ends_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_DESTRUCTOR], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "rayboot: stopped\n")
