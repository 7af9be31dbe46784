"""DeepSpeed's ZeRO, which shards optimizer states, gradients and weights, gives the results of DDP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from refit_helpers import Killer, MakeJob, loss_of, refit, same, weights

from rayboot.config import LoraConfig, TrainingConfig
from rayboot.errors import UserError
from rayboot.training import RefitResult, Refitter

pytest.importorskip("deepspeed")

PAIR = TrainingConfig(
    workers=2,
    cpus_per_worker=0.5,
    batch_size=16,
    micro_batch_size=4,
    epochs=2,
    lr=3e-3,
    warmup_ratio=0.2,
    patience=None,
)
LORA = LoraConfig(rank=4, alpha=8)


@pytest.fixture(scope="module")
def pair(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refitter]:
    """Two workers; each refit has its own sharding options."""
    with Refitter(PAIR, str(tmp_path_factory.mktemp("ray-train"))) as refitter:
        yield refitter


def losses(result: RefitResult) -> list[float]:
    return [result.train_loss, *(loss for _, loss in result.curve)]


@pytest.mark.parametrize(
    ("way", "lora"),
    [
        pytest.param("zero2", None, id="zero2", marks=pytest.mark.long),
        pytest.param("zero2", LORA, id="zero2-lora"),
        pytest.param("zero3", None, id="zero3"),
    ],
)
def test_each_way_of_sharding_gives_the_losses_and_weights_of_ddp(
    pair: Refitter, make_job: MakeJob, way: str, lora: LoraConfig | None
) -> None:
    def refit(name: str, way: str | None) -> tuple[RefitResult, str]:
        job = make_job(name)
        return pair.refit(job, config=PAIR.model_copy(update={"lora": lora, "deepspeed": way})), job.output

    alone, expected = refit("ddp", None)
    shared, checkpoint = refit(way, way)
    assert losses(shared) == pytest.approx(losses(alone), rel=1e-3)
    assert weights(checkpoint).keys() == weights(expected).keys()
    for name, weight in weights(expected).items():
        torch.testing.assert_close(weights(checkpoint)[name], weight, rtol=1e-2, atol=1e-3)
    assert loss_of(checkpoint, make_job().validation_set) == pytest.approx(
        shared.best_validation_loss, rel=1e-4
    )
    # DeepSpeed does not affect the workers' next refit.
    again, checkpoint = refit("again", None)
    assert same(weights(checkpoint), weights(expected))
    assert losses(again) == losses(alone)


@pytest.mark.long
def test_a_refit_whose_worker_is_killed_goes_on_from_its_checkpoint(
    pair: Refitter, make_job: MakeJob
) -> None:
    config = PAIR.model_copy(update={"epochs": 16.0, "deepspeed": "zero2", "lora": LORA})
    whole, interrupted = make_job("whole"), make_job("interrupted", checkpoint_seconds=0)
    expected = pair.refit(whole, config=config)
    pair.close()
    killer = Killer(interrupted)
    result = refit(interrupted, config, killer)

    assert killer.killed
    assert min(killer.steps_after) > 1, "it restarted instead of resuming"
    assert losses(result) == pytest.approx(losses(expected), rel=1e-3)
    for name, weight in weights(whole.output).items():
        torch.testing.assert_close(weights(interrupted.output)[name], weight, rtol=1e-2, atol=1e-3)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], str]:
    """Return a function that writes a DeepSpeed JSON and returns its path."""

    def write(options: dict[str, Any]) -> str:
        path = tmp_path / "deepspeed.json"
        path.write_text(json.dumps(options))
        return str(path)

    return write


AUTO = {"train_micro_batch_size_per_gpu": "auto", "gradient_clipping": "auto", "bf16": {"enabled": "auto"}}


def test_a_users_json_configures_deepspeed(
    pair: Refitter, make_job: MakeJob, write: Callable[[dict[str, Any]], str]
) -> None:
    path = write({**AUTO, "zero_optimization": {"stage": 1}, "gradient_accumulation_steps": "auto"})
    alone, shared = (
        pair.refit(make_job(name), config=PAIR.model_copy(update={"deepspeed": way}))
        for name, way in (("ddp", None), ("own", path))
    )
    assert losses(shared) == pytest.approx(losses(alone), rel=1e-3)
    rounded = pair.refit(make_job("bf16"), config=PAIR.model_copy(update={"deepspeed": path, "bf16": True}))
    assert losses(rounded) == pytest.approx(losses(alone), rel=0.05)
    assert losses(rounded) != losses(shared)


def test_a_json_that_contradicts_the_recipe_is_the_users_error(
    pair: Refitter, make_job: MakeJob, write: Callable[[dict[str, Any]], str]
) -> None:
    path = write({**AUTO, "zero_optimization": {"stage": 2}, "gradient_accumulation_steps": 7})
    config = PAIR.model_copy(update={"deepspeed": path})
    with pytest.raises(UserError, match=r"gradient_accumulation_steps=7.*\"auto\""):
        pair.refit(make_job(), config=config)


def test_a_json_that_cannot_be_used_is_found_before_the_workers_begin(
    pair: Refitter, make_job: MakeJob, write: Callable[[dict[str, Any]], str], tmp_path: Path
) -> None:
    zero3 = write({"zero_optimization": {"stage": 3}})
    with pytest.raises(UserError, match=r"training\.lora does not go with ZeRO stage 3; use stage 2"):
        pair.refit(make_job(), config=PAIR.model_copy(update={"deepspeed": zero3, "lora": LORA}))
    nowhere = str(tmp_path / "nowhere.json")
    with pytest.raises(UserError, match=r"nowhere\.json cannot be read"):
        pair.refit(make_job(), config=PAIR.model_copy(update={"deepspeed": nowhere}))
