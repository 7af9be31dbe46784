"""Every training option has its effect."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from refit_helpers import MakeJob, same, weights
from transformers import AutoModelForCausalLM

from rayboot.config import TrainingConfig
from rayboot.errors import RaybootError
from rayboot.training import RefitResult, Refitter
from rayboot.training.policy import NotFinite, save_weights


def options(**changes: object) -> TrainingConfig:
    base = {"batch_size": 16, "epochs": 3, "lr": 3e-3, "warmup_ratio": 0.2, "patience": None}
    return TrainingConfig.model_validate({**base, **changes})


@pytest.fixture(scope="module")
def usual(
    refitter: Refitter,
    make_job_in: Callable[[Path], MakeJob],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[RefitResult, str]:
    """The result and checkpoint of a refit with the default options."""
    job = make_job_in(tmp_path_factory.mktemp("usual"))()
    return refitter.refit(job, config=options()), job.output


def test_a_refit_stops_early_and_keeps_the_best_weights(refitter: Refitter, make_job: MakeJob) -> None:
    # One step per epoch at a high learning rate: the validation loss soon rises.
    config = options(epochs=60, lr=3e-2, patience=2, evaluations_per_epoch=1, batch_size=50)
    long, short = make_job("long"), make_job("short")
    result = refitter.refit(long, config=config)

    assert result.stopped_early
    assert result.steps < 60
    assert result.steps == result.curve[-1][0]
    after_best = [loss for step, loss in result.curve if step > result.best_step]
    assert len(after_best) == 2
    assert min(after_best) >= result.best_validation_loss  # type: ignore[operator]

    # The weights are those of the best step: one more step does not change them.
    patient = refitter.refit(short, config=config.model_copy(update={"patience": 3}))
    if patient.best_step == result.best_step:
        assert same(weights(long.output), weights(short.output))


def test_micro_batches_add_up_to_the_same_step(
    refitter: Refitter, make_job: MakeJob, usual: tuple[RefitResult, str]
) -> None:
    whole, _ = usual
    parts = refitter.refit(make_job("parts"), config=options(micro_batch_size=4))

    assert parts.steps == whole.steps
    assert [loss for _, loss in parts.curve] == pytest.approx([loss for _, loss in whole.curve], rel=1e-3)


def test_gradient_checkpointing_changes_memory_and_not_the_result(
    refitter: Refitter, make_job: MakeJob, usual: tuple[RefitResult, str]
) -> None:
    plain, _ = usual
    checkpointed = refitter.refit(make_job("checkpointed"), config=options(gradient_checkpointing=True))

    assert checkpointed.best_validation_loss == pytest.approx(plain.best_validation_loss, rel=1e-4)


def test_bf16_arithmetic_is_close_and_not_the_same(
    refitter: Refitter, make_job: MakeJob, usual: tuple[RefitResult, str]
) -> None:
    exact, _ = usual
    rounded = refitter.refit(make_job("rounded"), config=options(bf16=True))

    assert rounded.best_validation_loss == pytest.approx(exact.best_validation_loss, rel=0.05)
    assert rounded.curve != exact.curve


@pytest.mark.parametrize(
    "change",
    [
        {"weight_decay": 5.0},
        {"max_grad_norm": 0.01},
        {"lr": 1e-3},
        {"schedule": "constant"},
        {"warmup_ratio": 1.0},
    ],
)
def test_each_option_of_the_optimizer_changes_the_weights(
    refitter: Refitter, make_job: MakeJob, usual: tuple[RefitResult, str], change: dict[str, object]
) -> None:
    other = make_job("other")
    refitter.refit(other, config=options(**change))
    assert not same(weights(usual[1]), weights(other.output))


def test_evaluations_per_epoch_says_how_often(refitter: Refitter, make_job: MakeJob) -> None:
    result = refitter.refit(make_job(), config=options(evaluations_per_epoch=2))
    assert [step for step, _ in result.curve] == [2, 4, 6, 8, 10, 12]


DIVERGING = options(lr=1e30, max_grad_norm=1e30)


@pytest.mark.parametrize("validates", [True, False])
def test_a_refit_that_diverges_names_the_step_and_the_cure_and_writes_no_checkpoint(
    refitter: Refitter, make_job: MakeJob, validates: bool
) -> None:
    job = make_job() if validates else make_job(validation_set=None)
    with pytest.raises(RaybootError, match=r"diverged: after step \d+ .* training\.lr below 1e\+30"):
        refitter.refit(job, config=DIVERGING)
    assert not Path(job.output).exists()


def test_weights_that_the_last_step_broke_are_not_kept(llama: str, tmp_path: Path) -> None:
    """No loss was computed with them."""
    model = AutoModelForCausalLM.from_pretrained(llama)
    model.lm_head.weight.data[3, 5] = math.nan
    with pytest.raises(NotFinite, match=r"lm_head\.weight|embed_tokens\.weight"):
        save_weights(model, torch.float32, tmp_path / "best", rank=0)
    assert not (tmp_path / "best").exists()


def test_a_refit_that_diverges_later_ends_at_once_with_the_best_weights(
    refitter: Refitter, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    """The first step of a warm-up has length 0, so the first validation loss is finite."""
    config = DIVERGING.model_copy(update={"warmup_ratio": 1.0, "evaluations_per_epoch": 4})
    job = make_job()
    result = refitter.refit(job, config=config)
    assert result.best_step < result.steps < 12
    assert f"diverged; the best weights, of step {result.best_step}, are kept" in caplog.text
    assert all(weight.isfinite().all() for weight in weights(job.output).values())


@pytest.mark.long
def test_two_workers_learn_what_one_learns(make_job: MakeJob, usual: tuple[RefitResult, str]) -> None:
    config = options(workers=2, cpus_per_worker=0.5)
    together, again = make_job("together"), make_job("again")
    one, _ = usual
    with Refitter(config, together.storage) as pair:
        two = pair.refit(together)
        pair.refit(again)

    assert two.steps == one.steps
    assert [loss for _, loss in two.curve] == pytest.approx([loss for _, loss in one.curve], rel=1e-3)
    assert same(weights(together.output), weights(again.output))
