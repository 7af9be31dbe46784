"""A run directory keeps what is finished, and never holds anything half-written."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

import pytest

from rayboot.config import Recipe
from rayboot.errors import UserError
from rayboot.run import RunDirectory


def recipe(runs: Path, **changes: object) -> Recipe:
    data = {
        "name": "r",
        "runs": str(runs),
        "problems": {"train": "quickstart/train", "validation": "quickstart/validation"},
        "policy": {"model": "quickstart"},
        **changes,
    }
    return Recipe.model_validate(data)


def open_run(runs: Path, resume: bool = False, **changes: object) -> RunDirectory:
    return RunDirectory.open(recipe(runs, **changes), resume, {"rayboot": "test"})


def test_a_stage_is_done_once(tmp_path: Path) -> None:
    run, calls = open_run(tmp_path), []

    def work(folder: str) -> dict[str, int]:
        calls.append(folder)
        (Path(run.storage.path(folder)) / "file").write_text("x")
        return {"problems": 3}

    first = run.once(1, "rollout", work)
    again = open_run(tmp_path, resume=True).once(1, "rollout", work)
    assert first == again
    assert again["problems"] == 3
    assert len(calls) == 1
    assert (tmp_path / "r/iterations/01/rollout/file").read_text() == "x"


def test_a_stage_that_fails_leaves_no_folder_in_place_and_its_leavings_aside(tmp_path: Path) -> None:
    run = open_run(tmp_path)

    def fail(folder: str) -> dict[str, int]:
        (Path(run.storage.path(folder)) / "part").write_text("kept")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run.once(1, "rollout", fail)
    assert not (tmp_path / "r/iterations/01/rollout").exists()

    def go_on(folder: str) -> dict[str, int]:
        return {"found": len(list(Path(run.storage.path(folder)).iterdir()))}

    assert run.once(1, "rollout", go_on)["found"] == 1


def test_a_stage_killed_between_renaming_and_marking_is_done_again(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    run.once(1, "rollout", lambda folder: {})
    (tmp_path / "r/iterations/01/rollout.done").unlink()
    (tmp_path / "r/iterations/01/rollout/file").write_text("x")
    found = run.once(
        1, "rollout", lambda folder: {"files": len(list(Path(run.storage.path(folder)).iterdir()))}
    )
    assert found["files"] == 1
    assert (tmp_path / "r/iterations/01/rollout.done").exists()


def test_an_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    open_run(tmp_path)
    with pytest.raises(UserError, match="go on with --resume, or choose another name"):
        open_run(tmp_path)


def test_resuming_with_another_recipe_is_refused_and_names_the_keys(tmp_path: Path) -> None:
    open_run(tmp_path)
    with pytest.raises(UserError, match=r"mode \('full', now 'simple'\)"):
        open_run(tmp_path, resume=True, mode="simple")


def test_resuming_with_more_iterations_or_replicas_is_allowed(tmp_path: Path) -> None:
    open_run(tmp_path)
    open_run(tmp_path, resume=True, iterations=9, generation={"replicas": 2})


def test_metrics_are_one_json_object_a_line_however_often_written(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    for rows in ([{"iteration": 0}], [{"iteration": 0}, {"iteration": 1}]):
        run.write_metrics(rows)
    lines = (tmp_path / "r/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [0, 1]
    assert not list((tmp_path / "r").glob("*.partial"))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    run.write_metrics([{"iteration": 0}])
    huge = [{"iteration": 1, "text": "x" * 100_000}]
    # A limit on file sizes fails the write as a full disk does, in the same call and with an OSError as well.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError):
            run.write_metrics(huge)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert json.loads((tmp_path / "r/metrics.jsonl").read_text()) == {"iteration": 0}
    assert not list((tmp_path / "r").glob("*.partial"))
