"""A run directory keeps finished stages, and never holds a partly written file."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from pathlib import Path

import pytest
import yaml

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


def test_a_stage_that_fails_leaves_its_files_in_the_temporary_folder_alone(tmp_path: Path) -> None:
    run = open_run(tmp_path)

    def fail(folder: str) -> dict[str, int]:
        (Path(run.storage.path(folder)) / "part").write_text("kept")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run.once(1, "rollout", fail)
    assert not (tmp_path / "r/iterations/01/rollout").exists()

    def resume(folder: str) -> dict[str, int]:
        return {"found": len(list(Path(run.storage.path(folder)).iterdir()))}

    assert run.once(1, "rollout", resume)["found"] == 1


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


def test_a_run_without_finished_stages_accepts_a_changed_recipe(tmp_path: Path) -> None:
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


def test_attempts_of_an_unfinished_rollout_fix_its_section_of_the_recipe(tmp_path: Path) -> None:
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
    run.write_metrics(['{"iteration": 0}', '{"iteration": 1}'])
    run.finish(best_iteration=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = open_run(tmp_path, resume=True)
    again.write_metrics(['{"iteration": 0}'])
    again.finish(best_iteration=1)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert again.facts() == {"rayboot": "test", "best_iteration": 1}


def test_a_finished_run_that_gets_more_iterations_has_no_best_iteration(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    run.once(3, "evaluation", lambda folder: {})
    run.finish(best_iteration=1)
    assert "best_iteration" not in open_run(tmp_path, resume=True, algorithm={"iterations": 4}).facts()


@pytest.mark.parametrize("content", ["", "\0\0\0\0"])
def test_files_emptied_by_a_power_loss_are_ignored(tmp_path: Path, content: str) -> None:
    run = open_run(tmp_path)
    run.once(1, "rollout", lambda folder: {"done": 1})
    for name in ("recipe.yaml", "run.json", "iterations/01/rollout.done"):
        (tmp_path / "r" / name).write_text(content)
    run = open_run(tmp_path, resume=True)
    assert run.once(1, "rollout", lambda folder: {"done": 2})["done"] == 2
    assert run.facts() == {"rayboot": "test"}
    assert run.recipe()["name"] == "r"


def test_files_are_flushed_before_they_are_renamed_and_the_stage_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda descriptor: (calls.append(os.readlink(f"/proc/self/fd/{descriptor}")), fsync(descriptor)),
    )
    monkeypatch.setattr(os, "replace", lambda old, new: (calls.append(f"rename {new}"), replace(old, new)))
    run = open_run(tmp_path)
    run.once(1, "rollout", lambda folder: Path(run.storage.path(folder), "file").write_text("x") and {})
    folder = str(tmp_path / "r/iterations/01")
    order = [f"{folder}/rollout.partial/file", f"rename {folder}/rollout", f"{folder}/rollout.done.partial"]
    assert [call for call in calls if call in order] == order
    assert calls[-1] == folder or f"rename {folder}/rollout.done" in calls


def test_spending_includes_that_of_interrupted_starts(tmp_path: Path) -> None:
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


def test_a_stage_with_a_name_of_its_own_may_be_of_any_kind(tmp_path: Path) -> None:
    open_run(tmp_path).once(1, "checkpoint_b", lambda folder: {})
    for changes in ({"training": {"lr": 1e-3}}, {"rollout": {"temperature": 0.5}}):
        with pytest.raises(UserError, match="was begun with another recipe"):
            open_run(tmp_path, resume=True, **changes)


@pytest.mark.parametrize(
    ("name", "text"), [("recipe.yaml", "- a list"), ("run.json", "[]"), ("run.json", "{")]
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    open_run(tmp_path)
    (tmp_path / "r" / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name} is not a"):
        open_run(tmp_path, resume=True)


def test_more_iterations_keep_an_unfinished_refit(tmp_path: Path) -> None:
    open_run(tmp_path)
    unfinished = tmp_path / "r/iterations/01/checkpoint.partial"
    unfinished.mkdir(parents=True)
    open_run(tmp_path, resume=True, algorithm={"iterations": 9}, training={"max_failures": 3})
    assert unfinished.exists()
    open_run(tmp_path, resume=True, algorithm={"iterations": 9, "start": "previous"})
    assert not unfinished.exists()


def test_a_run_of_an_earlier_version_can_be_resumed(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    run.once(1, "training_set", lambda folder: {})
    old = run.recipe()
    del old["curation"]["learn"]
    [iterations, feedback, start] = [old["algorithm"].pop(key) for key in ("iterations", "feedback", "start")]
    del old["algorithm"]
    old |= {"mode": feedback, "iterations": iterations, "training": {**old["training"], "from": start}}
    (tmp_path / "r/recipe.yaml").write_text(yaml.safe_dump(old))
    open_run(tmp_path, resume=True)
    with pytest.raises(UserError, match=r"algorithm.feedback \('full', now 'none'\)"):
        open_run(tmp_path, resume=True, algorithm={"feedback": "none"})


def test_resuming_with_more_iterations_or_replicas_is_allowed(tmp_path: Path) -> None:
    open_run(tmp_path)
    open_run(tmp_path, resume=True, algorithm={"iterations": 9}, generation={"replicas": 2})


def test_metrics_that_are_written_again_have_one_json_object_per_line(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    for rows in (['{"iteration": 0}'], ['{"iteration": 0}', '{"iteration": 1}']):
        run.write_metrics(rows)
    lines = (tmp_path / "r/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [0, 1]
    assert not list((tmp_path / "r").glob("*.partial"))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    run.write_metrics(['{"iteration": 0}'])
    huge = [json.dumps({"iteration": 1, "text": "x" * 100_000})]
    # A limit on file sizes fails the same call as a full disk, also with an OSError.
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
