"""Whatever stops a run, what is finished is kept, nothing is half-written, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.small_runs import metrics, small_recipe

from rayboot.config import Recipe, recipe_yaml
from rayboot.errors import RaybootError
from rayboot.launch import run_recipe
from rayboot.observer import Silent


def start(folder: Path, recipe: Recipe, *options: str) -> subprocess.Popen[str]:
    """`rayboot run` in a process of its own, with a Ray of its own."""
    path = folder / f"{recipe.name}.yaml"
    path.write_text(recipe_yaml(recipe))
    # A shell's background job ignores Ctrl-C, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-m", "rayboot", "run", str(path), *options],
        env={**os.environ, "RAY_ADDRESS": "local"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(driver: subprocess.Popen[str], run: Path, stage: str) -> None:
    """Until the stage of iteration 1 has begun."""
    deadline = time.monotonic() + 240
    while not list((run / "iterations/01").glob(f"{stage}.partial*")):
        assert driver.poll() is None, f"the run ended before {stage} began"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, ray_session: None
) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("interrupted")
    run_recipe(small_recipe(folder), Silent())
    return folder, metrics(folder / "runs/small")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("stage", "stop", "code"),
    [
        ("rollout", signal.SIGKILL, -9),
        pytest.param("checkpoint", signal.SIGINT, 130, marks=pytest.mark.long),
        pytest.param("evaluation", signal.SIGKILL, -9, marks=pytest.mark.long),
    ],
)
def test_a_stopped_run_goes_on_and_ends_with_the_same_metrics(
    uninterrupted: tuple[Path, list[dict[str, Any]]], stage: str, stop: signal.Signals, code: int
) -> None:
    folder, expected = uninterrupted
    recipe = small_recipe(folder, name=f"{stage}-{stop.name}")
    run = folder / "runs" / recipe.name
    driver = start(folder, recipe)
    wait_for(driver, run, stage)
    driver.send_signal(stop)
    _, told = driver.communicate(timeout=60)
    assert driver.returncode == code
    assert stop != signal.SIGINT or told.startswith("rayboot: stopped. What is finished is kept")
    assert not (run / "iterations/01" / stage).exists()
    kept = (run / "iterations/00/evaluation.done").read_bytes()
    if stop == signal.SIGINT:
        assert start(folder, recipe, "--resume").wait(timeout=300) == 0
    else:  # the same without another process and another Ray
        run_recipe(recipe, Silent(), resume=True)
    assert metrics(run) == expected
    assert (run / "iterations/00/evaluation.done").read_bytes() == kept


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 kB: enough for a recipe, too small for attempts."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_full_disk_ends_with_one_message_and_the_run_goes_on_when_there_is_room(
    uninterrupted: tuple[Path, list[dict[str, Any]]], small_disk: Path
) -> None:
    folder, expected = uninterrupted
    recipe = small_recipe(folder, runs=str(small_disk))
    with pytest.raises((RaybootError, OSError), match=r"disk is full|No space left") as error:
        run_recipe(recipe, Silent())
    assert "\n" not in str(error.value)
    assert not list(small_disk.rglob("*.done"))
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    run_recipe(recipe, Silent(), resume=True)
    assert metrics(small_disk / "small") == expected
