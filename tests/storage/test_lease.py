"""One driver per run: a second driver is refused, and a dead driver's lease is free at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rayboot.errors import RaybootError, UserError
from rayboot.storage import Storage, lease
from rayboot.storage.lease import Driver, leased

HOLD = """
import sys, time
from rayboot.storage.lease import leased
from rayboot.storage.files import Storage
with leased(Storage(sys.argv[1])):
    print("mine", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process that drives the run."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_driver_is_refused_and_the_error_names_the_firsts_process_host_and_age(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    message = f"process {holder.pid} on {os.uname().nodename} has driven it since .* s ago"
    with pytest.raises(UserError, match=message), leased(Storage(str(tmp_path))):
        pass


def test_a_killed_driver_frees_the_run_at_once_even_before_it_is_reaped(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    with leased(Storage(str(tmp_path))):
        assert len(list(tmp_path.glob(".driver-*"))) == 1
    assert not list(tmp_path.iterdir())


def claim(folder: Path, age: float, **changes: object) -> Path:
    """Write the file of another driver, last touched `age` seconds ago."""
    path = folder / ".driver-other"
    path.write_text(Driver.this().model_copy(update=changes).model_dump_json())
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_a_driver_on_another_machine_holds_the_lease_until_a_minute_after_its_heartbeat(
    tmp_path: Path,
) -> None:
    claim(tmp_path, age=30, host="node7", machine="another", pid=12)
    with (
        pytest.raises(UserError, match=r"process 12 on node7 .* try again in \d\d s"),
        leased(Storage(str(tmp_path))),
    ):
        pass
    old = claim(tmp_path, age=70, host="node7", machine="another", pid=12)
    with leased(Storage(str(tmp_path))):
        assert not old.exists()


def test_a_process_with_the_pid_of_a_dead_driver_does_not_hold_the_lease(tmp_path: Path) -> None:
    claim(tmp_path, age=1, started=1)
    with leased(Storage(str(tmp_path))):
        pass


def test_a_file_emptied_by_a_power_loss_does_not_hold_the_lease(tmp_path: Path) -> None:
    (tmp_path / ".driver-other").touch()
    with leased(Storage(str(tmp_path))):
        pass


def test_at_most_one_of_three_simultaneous_drivers_gets_the_run(tmp_path: Path) -> None:
    driving, refused, ended = [], [], threading.Event()

    def drive(number: int) -> None:
        try:
            with leased(Storage(str(tmp_path))):
                driving.append(number)
                ended.wait(60)
        except UserError:
            refused.append(number)

    drivers = [threading.Thread(target=drive, args=(number,)) for number in range(3)]
    for driver in drivers:
        driver.start()
    deadline = time.monotonic() + 60
    while len(driving) + len(refused) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    ended.set()
    for driver in drivers:
        driver.join()
    assert len(driving) <= 1 < len(refused)


def test_a_sleeping_driver_is_interrupted_when_another_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.05)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background job

    def drive() -> None:
        with leased(Storage(str(tmp_path))):
            for file in tmp_path.glob(".driver-*"):
                file.unlink()
            time.sleep(60)

    began = time.monotonic()
    with pytest.raises(RaybootError, match="another one has taken over"):
        drive()
    signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 50, "it was not interrupted before it woke up"


def test_a_folder_that_cannot_be_written_to_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"file/run cannot be written to: "),
        leased(Storage(f"{tmp_path}/file/run")),
    ):
        pass
