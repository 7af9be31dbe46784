"""A run directory keeps what is finished, and never holds anything half-written."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from rayboot.config import Recipe
from rayboot.errors import UserError
from rayboot.storage import RunDirectory


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
    open_run(tmp_path).once(0, "evaluation", lambda folder: {})
    with pytest.raises(UserError, match="go on with --resume, or choose another name"):
        open_run(tmp_path)


def test_resuming_with_another_recipe_is_refused_and_names_the_keys(tmp_path: Path) -> None:
    open_run(tmp_path).once(0, "evaluation", lambda folder: {})
    with pytest.raises(UserError, match=r"algorithm.feedback \('full', now 'simple'\)"):
        open_run(tmp_path, resume=True, algorithm={"feedback": "simple"})


def test_a_run_that_has_done_nothing_yet_takes_a_corrected_recipe(tmp_path: Path) -> None:
    open_run(tmp_path, sandbox={"preload": ["nunpy"]})
    run = open_run(tmp_path, sandbox={"preload": ["numpy"]})
    assert run.recipe()["sandbox"]["preload"] == ["numpy"]


def test_a_section_may_change_until_its_stage_is_done(tmp_path: Path) -> None:
    run = open_run(tmp_path, training={"lr": 1e-3})
    run.once(0, "evaluation", lambda folder: {})
    run = open_run(tmp_path, resume=True, training={"lr": 1e-4})
    run.once(1, "checkpoint", lambda folder: {})
    with pytest.raises(UserError, match=r"another recipe.*: training.lr \(0.0001, now 0.001\)$"):
        open_run(tmp_path, resume=True, training={"lr": 1e-3})


def test_attempts_of_an_unfinished_rollout_hold_the_recipe(tmp_path: Path) -> None:
    run = open_run(tmp_path, rollout={"temperature": 0.5})
    (tmp_path / "r/iterations/01/rollout.partial").mkdir(parents=True)
    open_run(tmp_path, resume=True, rollout={"temperature": 0.8})
    (tmp_path / "r/iterations/01/rollout.partial/a.parquet").touch()
    with pytest.raises(UserError, match=r"rollout.temperature \(0.8, now 0.5\)"):
        open_run(tmp_path, resume=True, rollout={"temperature": 0.5})
    assert run.recipe()["rollout"]["temperature"] == 0.8


def test_opening_a_finished_run_changes_no_file(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    run.once(3, "evaluation", lambda folder: {})
    run.write_metrics([{"iteration": 0}, {"iteration": 1}])
    run.finish(best_iteration=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = open_run(tmp_path, resume=True)
    again.write_metrics([{"iteration": 0}])
    again.finish(best_iteration=1)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert again.facts() == {"rayboot": "test", "best_iteration": 1}


def test_a_finished_run_that_goes_on_has_no_best_iteration(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    run.once(3, "evaluation", lambda folder: {})
    run.finish(best_iteration=1)
    assert "best_iteration" not in open_run(tmp_path, resume=True, algorithm={"iterations": 4}).facts()


@pytest.mark.parametrize("left", ["", "\0\0\0\0"])
def test_a_file_that_a_power_loss_emptied_is_no_marker_and_no_recipe(tmp_path: Path, left: str) -> None:
    run = open_run(tmp_path)
    run.once(1, "rollout", lambda folder: {"done": 1})
    for name in ("recipe.yaml", "run.json", "iterations/01/rollout.done"):
        (tmp_path / "r" / name).write_text(left)
    run = open_run(tmp_path, resume=True)
    assert run.once(1, "rollout", lambda folder: {"done": 2})["done"] == 2
    assert run.facts() == {"rayboot": "test"}
    assert run.recipe()["name"] == "r"


def test_what_is_renamed_and_marked_is_on_the_disk_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda opened: (done.append(os.readlink(f"/proc/self/fd/{opened}")), fsync(opened))
    )
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append(f"rename {new}"), replace(old, new)))
    run = open_run(tmp_path)
    run.once(1, "rollout", lambda folder: Path(run.storage.path(folder), "file").write_text("x") and {})
    at = str(tmp_path / "r/iterations/01")
    order = [f"{at}/rollout.partial/file", f"rename {at}/rollout", f"{at}/rollout.done.partial"]
    assert [step for step in done if step in order] == order
    assert done[-1] == at or f"rename {at}/rollout.done" in done


def test_a_stage_that_was_interrupted_tells_what_all_its_starts_spent(tmp_path: Path) -> None:
    run, tokens = open_run(tmp_path), 0

    def work(folder: str) -> dict[str, int]:
        nonlocal tokens
        time.sleep(0.2)
        tokens += 5
        if tokens == 5:
            raise RuntimeError
        return {"tokens": tokens}

    with pytest.raises(RuntimeError):
        run.once(1, "rollout", work, lambda: {"tokens": tokens})
    spent = run.spent(1, "rollout")
    assert spent["tokens"] == 5
    assert spent["seconds"] >= 0.2
    summary = run.once(1, "rollout", work, lambda: {"tokens": tokens})
    assert summary["seconds"] >= 0.4
    assert run.spent(1, "rollout") == {}


def test_resuming_with_more_iterations_or_replicas_is_allowed(tmp_path: Path) -> None:
    open_run(tmp_path)
    open_run(tmp_path, resume=True, algorithm={"iterations": 9}, generation={"replicas": 2})


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
