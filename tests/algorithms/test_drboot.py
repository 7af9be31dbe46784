"""The whole loop with a tiny model: what it writes, and that repeated and interrupted runs write the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as pads
import pytest
from support.ray_cluster import jobs, ray_cluster, submit
from support.s3_server import bucket_uri, s3_server
from support.small_runs import metrics, small_recipe
from transformers import AutoModelForCausalLM

from rayboot.config import Recipe, recipe_yaml
from rayboot.errors import RaybootError, UserError
from rayboot.runs.evaluate import measure
from rayboot.runs.launch import Outcome, run_recipe
from rayboot.stages.observer import Silent
from rayboot.storage import Storage, below, localize, remove_copies
from rayboot.storage.lease import leased

TIMES = {"wall_seconds", "cpu_seconds", "peak_memory"}


def attempts(run: Path, stage: str) -> list[dict[str, Any]]:
    """Return all attempts of a stage, without columns that depend on time and memory."""
    rows = pads.dataset(run / "iterations" / stage, format="parquet").to_table().to_pylist()
    rows = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    return sorted(rows, key=lambda row: row["attempt_id"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, ray_session: None) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("loop")
    outcome = run_recipe(small_recipe(folder, algorithm={"iterations": 2}), Silent())
    return folder, outcome


def test_metrics_have_a_row_for_every_iteration_and_split(finished: tuple[Path, Outcome]) -> None:
    rows = [json.loads(line) for line in Path(finished[1].metrics).read_text().splitlines()]
    assert [(row["iteration"], row["split"]) for row in rows] == [
        (0, "validation"),
        (0, "test"),
        *((i, split) for i in (1, 2) for split in ("train", "validation", "test")),
    ]
    for row in rows:
        assert {"pass@1", "repair@1", "problems", "attempts", "prompt_tokens", "completion_tokens"} <= set(
            row
        )
        assert {"training_examples", "seconds"} <= set(row)
        assert 0 <= row["pass@1"] <= row["repair@1"] <= 1
        for rate in ("pass@1", "repair@1"):
            low, high = row["intervals"][rate]
            assert low <= row[rate] <= high
    assert rows[2]["training_examples"] == {"reference": 6}
    assert set(rows[2]["seconds"]) == {"rollout", "curate", "refit", "evaluation", "publish", "fit"}


def test_every_attempt_records_the_version_of_its_weights(finished: tuple[Path, Outcome]) -> None:
    run = finished[0] / "runs" / "small"
    versions = {
        stage: {row["weights_version"] for row in attempts(run, stage)}
        for stage in ("00/evaluation", "01/rollout", "01/evaluation", "02/rollout", "02/evaluation")
    }
    assert list(versions.values()) == [{0}, {0}, {1}, {1}, {2}]


def test_the_run_directory_has_the_documented_files(finished: tuple[Path, Outcome]) -> None:
    folder, outcome = finished
    run = folder / "runs" / "small"
    for name in ("recipe.yaml", "run.json", "metrics.jsonl", "report.html", "tensorboard"):
        assert (run / name).exists()
    assert json.loads((run / "run.json").read_text())["best_iteration"] == outcome.best_iteration
    assert not list(run.rglob("*.partial*"))
    model = AutoModelForCausalLM.from_pretrained(run / "iterations/02/checkpoint")
    assert model.num_parameters() > 0


def test_resuming_a_finished_run_changes_no_file_and_returns_the_same_outcome(
    finished: tuple[Path, Outcome],
) -> None:
    folder, outcome = finished
    run = folder / "runs" / "small"
    before = {path: path.stat().st_mtime_ns for path in (run / "iterations").rglob("*")}
    assert run_recipe(small_recipe(folder, algorithm={"iterations": 2}), Silent(), resume=True) == outcome
    assert before == {path: path.stat().st_mtime_ns for path in (run / "iterations").rglob("*")}


def test_a_second_driver_of_a_run_is_refused(finished: tuple[Path, Outcome]) -> None:
    folder, _ = finished
    with leased(Storage(f"{folder}/runs/small")), pytest.raises(UserError, match="has driven it since"):
        run_recipe(small_recipe(folder, algorithm={"iterations": 2}), Silent(), resume=True)


@pytest.mark.long
def test_attempts_do_not_depend_on_the_number_of_replicas(
    finished: tuple[Path, Outcome],
) -> None:
    folder, _ = finished
    changes = {"replicas": 2, "batch_size": 3}
    run_recipe(small_recipe(folder, name="again", algorithm={"iterations": 2}, generation=changes), Silent())
    first, again = folder / "runs/small", folder / "runs/again"
    for stage in ("00/evaluation", "01/rollout", "01/evaluation", "02/rollout", "02/evaluation"):
        assert attempts(first, stage) == attempts(again, stage)
    assert metrics(first) == metrics(again)


def test_a_finished_run_and_a_model_directory_can_be_evaluated(
    finished: tuple[Path, Outcome], tmp_path: Path
) -> None:
    folder, outcome = finished
    rows = metrics(folder / "runs/small")
    [test] = [row for row in rows if (row["iteration"], row["split"]) == (outcome.best_iteration, "test")]
    dataset = f"jsonl:{folder}/test.jsonl"
    of_run = measure(str(folder / "runs/small"), dataset, [], tmp_path / "of_run", Silent())
    assert of_run.rates == {name: test[name] for name in ("pass@1", "repair@1")}
    assert of_run.iteration == outcome.best_iteration
    assert of_run.completion_tokens == test["completion_tokens"]

    options = ["generation.dtype=float64", "policy.max_prompt_tokens=200", "policy.max_completion_tokens=40"]
    sampling = ["evaluation.samples=4", "evaluation.temperature=0.8", "evaluation.k=[1,4]"]
    of_model = measure(outcome.checkpoint, dataset, [*options, *sampling], None, Silent())
    assert (of_model.problems, of_model.attempts) == (3, 24)
    assert of_model.rates.keys() == {"pass@1", "pass@4", "repair@1", "repair@4"}
    assert metrics(tmp_path / "of_run")[0]["dataset"] == dataset


def start(folder: Path, recipe: Recipe, *options: str) -> subprocess.Popen[str]:
    """Start `rayboot run` in a new process with a separate Ray."""
    path = folder / f"{recipe.name}.yaml"
    path.write_text(recipe_yaml(recipe))
    # A shell's background job ignores Ctrl-C, and its child processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-m", "rayboot", "run", str(path), *options],
        # Overwrite freed memory, so that a thread that is in a Ray call during Ray's shutdown crashes the process.
        env={**os.environ, "RAY_ADDRESS": "local", "MALLOC_PERTURB_": "165"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


STOPPED = "rayboot: stopped. What is finished is kept; the same command with --resume goes on from there\n"


@pytest.mark.long
def test_a_run_whose_sandbox_cannot_start_ends_with_one_message(tmp_path: Path) -> None:
    driver = start(tmp_path, small_recipe(tmp_path, sandbox={"preload": ["nunpy"]}))
    _, stderr = driver.communicate()
    assert (driver.returncode, stderr.count("\n")) == (2, 1)
    assert "nunpy" in stderr


def test_sigterm_while_a_run_starts_ends_it_with_one_line(tmp_path: Path) -> None:
    driver = start(tmp_path, small_recipe(tmp_path))
    time.sleep(1.5)
    driver.send_signal(signal.SIGTERM)
    _, stderr = driver.communicate()
    assert driver.returncode == 143
    assert stderr.startswith("rayboot: stopped")
    assert stderr.count("\n") == 1


def wait_for(driver: subprocess.Popen[str], run: Path, stage: str) -> None:
    """Wait until the stage of iteration 1 has begun."""
    deadline = time.monotonic() + 900
    while not list((run / "iterations/01").glob(f"{stage}.partial*")):
        assert driver.poll() is None, f"the run ended before {stage} began: {driver.communicate()[1]}"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def uninterrupted(finished: tuple[Path, Outcome]) -> tuple[Path, list[dict[str, Any]]]:
    """Return the folder of a finished run, and the metrics of its iterations 0 and 1."""
    folder, _ = finished
    return folder, [row for row in metrics(folder / "runs/small") if row["iteration"] <= 1]


@pytest.mark.parametrize(
    "stops",
    [
        pytest.param([("checkpoint", signal.SIGTERM, 143)], id="terminated"),
        pytest.param(
            [("rollout", signal.SIGKILL, -9), ("checkpoint", signal.SIGKILL, -9)],
            id="killed twice",
            marks=pytest.mark.long,
        ),
        pytest.param(
            [("rollout", signal.SIGINT, 130), ("evaluation", signal.SIGKILL, -9)],
            id="interrupted and killed",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_run_that_is_stopped_and_resumed_ends_with_the_same_metrics(
    uninterrupted: tuple[Path, list[dict[str, Any]]], stops: list[tuple[str, signal.Signals, int]]
) -> None:
    folder, expected = uninterrupted
    recipe = small_recipe(folder, name="-".join(stop.name for _, stop, _ in stops))
    run = folder / "runs" / recipe.name
    kept: dict[Path, bytes] = {}
    for stage, stop, code in stops:
        driver = start(folder, recipe, *(["--resume"] if run.exists() else []))
        wait_for(driver, run, stage)
        driver.send_signal(stop)
        if stop == signal.SIGTERM:  # a second signal has no effect
            driver.send_signal(stop)
        _, stderr = driver.communicate()
        assert driver.returncode == code
        assert stderr == ("" if stop == signal.SIGKILL else STOPPED)
        assert not (run / "iterations/01" / stage).exists()
        kept = {path: path.read_bytes() for path in run.glob("iterations/*/*.done")} | kept
        assert run / "iterations/00/evaluation.done" in kept
    run_recipe(recipe, Silent(), resume=True)
    assert metrics(run) == expected
    assert not list(run.glob(".training*")), "the state of a refit was not removed"
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_submitted_job_with_a_run_directory_on_s3_has_the_metrics_of_a_local_run(
    uninterrupted: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder, expected = uninterrupted
    with s3_server() as server, ray_cluster() as cluster:
        runs = bucket_uri(server, "store")
        Storage(runs).fs.create_dir("store")
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(recipe_yaml(small_recipe(folder, name="stored", runs=runs)))
        command = [sys.executable, "-m", "rayboot", "run", str(recipe)]
        stranger = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=False)
        assert (stranger.returncode, stranger.stderr.count("\n")) == (1, 1), stranger.stderr
        assert "cannot be joined" in stranger.stderr
        # Overwrite freed memory, as in `start`.
        submitted = submit(cluster, "env", "MALLOC_PERTURB_=165", *command)
        assert submitted.returncode == 0, submitted.stdout + submitted.stderr
        assert "SUCCEEDED" in jobs(cluster)  # the cluster still runs
        assert metrics(Path(localize(below(runs, "stored")))) == expected
        remove_copies()
    assert not (folder / "runs/stored").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 16 kB: enough for a recipe, too small for attempts."""
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
def test_a_full_disk_ends_a_run_with_one_message_and_the_run_can_be_resumed_with_more_space(
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
