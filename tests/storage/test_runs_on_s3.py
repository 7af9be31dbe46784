"""A run directory in an S3-compatible object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.s3_server import bucket_uri, s3_server

from rayboot.config import Recipe
from rayboot.errors import UserError
from rayboot.storage import RunDirectory, Storage, localize, remove_copies
from rayboot.storage.lease import leased
from rayboot.training import RefitJob, RefitResult
from rayboot.training.job import finished_refit, move_to_output


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def runs(server: str, request: pytest.FixtureRequest) -> str:
    """Create a bucket for the test, and return its URI."""
    uri = bucket_uri(server, f"b{abs(hash(request.node.name))}")
    storage = Storage(uri)
    storage.fs.create_dir(storage.root.partition("/")[0])
    return uri


def open_run(runs: str, resume: bool = False) -> RunDirectory:
    data = {
        "name": "r",
        "runs": runs,
        "problems": {"train": "quickstart/train", "validation": "quickstart/validation"},
        "policy": {"model": "quickstart"},
    }
    return RunDirectory.open(Recipe.model_validate(data), resume, {})


def test_a_stage_is_done_once_and_its_files_are_found_after_resuming(runs: str) -> None:
    run = open_run(runs)

    def work(folder: str) -> dict[str, int]:
        run.storage.write_text(f"{folder}/file", "x")
        return {"problems": 3}

    run.once(1, "rollout", work)
    again = open_run(runs, resume=True)
    assert again.once(1, "rollout", work)["problems"] == 3
    assert Storage(again.uri(1, "rollout")).read_text("file") == "x"


def test_a_second_driver_is_refused(runs: str) -> None:
    storage = Storage(runs)

    def drive() -> None:
        with leased(storage):
            pass

    with leased(storage), pytest.raises(UserError, match="has driven it since"):
        drive()
    drive()
    assert not storage.files()


def test_changed_files_are_copied_anew_and_copies_are_removed(runs: str) -> None:
    storage = Storage(runs)
    storage.write_text("a/text", "old")
    old = Path(localize(storage.uri("a")))
    assert localize(storage.uri("a")) == str(old)
    storage.write_text("a/text", "new")  # the same size, and possibly the same second
    new = Path(localize(storage.uri("a")))
    assert [(copy / "text").read_text() for copy in (old, new)] == ["old", "new"]
    remove_copies()
    assert not old.exists()
    assert not new.exists()


def test_a_checkpoint_replaces_old_files_and_is_finished_only_when_it_is_complete(
    runs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(runs)
    storage.write_text("checkpoint/left", "by a killed worker")
    job = RefitJob(
        start="model",
        training_set="set",
        output=storage.uri("checkpoint"),
        storage="scratch of a first start",
        name="r-01",
        max_prompt_tokens=1,
        max_completion_tokens=1,
    )
    result = RefitResult(
        steps=1, epochs=1.0, train_loss=1.0, best_validation_loss=None, best_step=1, stopped_early=False,
        examples=1, dropped=0, tokens=1, fit_seconds=1.0, curve=(),
    )  # fmt: skip
    weights = tmp_path / "best"
    weights.mkdir()
    (weights / "weights").write_text("w")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            move_to_output(weights, job, result)
    assert finished_refit(job) is None

    move_to_output(weights, job, result)
    assert {info.base_name for info in storage.files("checkpoint")} == {"weights", "refit.json"}
    assert finished_refit(job.model_copy(update={"storage": "scratch of a second"})) == result
    assert finished_refit(job.model_copy(update={"seed": 1})) is None
