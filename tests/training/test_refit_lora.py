"""Refits that train an adapter (LoRA) and leave the model unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from refit_helpers import MakeJob, loss_of, same, weights, without_time
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from rayboot.config import LoraConfig, TrainingConfig
from rayboot.errors import UserError
from rayboot.training import RefitResult, Refitter

LORA = LoraConfig(rank=4, alpha=8)
USUAL = TrainingConfig(batch_size=16, epochs=3, lr=2e-2, warmup_ratio=0.2, patience=None, lora=LORA)


@pytest.fixture(scope="module")
def first(
    refitter: Refitter, make_job_in, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RefitResult, str]:
    """The result and checkpoint of a refit that starts with a new adapter."""
    job = make_job_in(tmp_path_factory.mktemp("first"))()
    return refitter.refit(job, config=USUAL), job.output


def test_an_adapter_learns_and_is_all_that_is_written(
    first: tuple[RefitResult, str], llama: str, validation_set: str
) -> None:
    result, checkpoint = first
    losses = [loss for _, loss in result.curve]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < loss_of(llama, validation_set) - 1
    # On the original model the adapter has the loss of the training: nothing else was trained.
    assert loss_of(checkpoint, validation_set) == pytest.approx(losses[-1], rel=1e-5)

    layers = {name.split(".lora_")[0].rpartition(".")[2] for name in weights(checkpoint)}
    assert layers == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert all(min(weight.shape) == 4 for weight in weights(checkpoint).values())
    config = json.loads(Path(checkpoint, "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["r"], config["lora_alpha"]) == (llama, 4, 8)
    assert AutoTokenizer.from_pretrained(checkpoint).eos_token == "<eos>"
    assert {path.suffix for path in Path(checkpoint).iterdir()} == {".json", ".safetensors"}


def test_the_same_seed_gives_the_same_adapter(
    refitter: Refitter, make_job: MakeJob, first: tuple[RefitResult, str]
) -> None:
    again, other = make_job("again"), make_job("other", seed=8)
    assert without_time(refitter.refit(again, config=USUAL)) == without_time(first[0])
    refitter.refit(other, config=USUAL)
    assert same(weights(again.output), weights(first[1]))
    assert not same(weights(other.output), weights(first[1]))


def test_only_the_named_layers_get_an_adapter(refitter: Refitter, make_job: MakeJob) -> None:
    job = make_job()
    lora = LORA.model_copy(update={"target_modules": ("q_proj", "v_proj"), "dropout": 0.1})
    refitter.refit(job, config=USUAL.model_copy(update={"lora": lora}))
    assert len(weights(job.output)) == 2 * 2 * 2
    assert all("q_proj" in name or "v_proj" in name for name in weights(job.output))


def test_a_refit_from_an_adapter_goes_on_with_it(
    refitter: Refitter, make_job: MakeJob, first: tuple[RefitResult, str], llama: str, validation_set: str
) -> None:
    result, checkpoint = first
    job = make_job(start=checkpoint)
    further = refitter.refit(job, config=USUAL.model_copy(update={"lr": 1e-3}))

    assert further.curve[0][1] < result.curve[1][1]
    assert further.best_validation_loss < result.best_validation_loss
    # One adapter on the model itself, not one adapter on another.
    assert weights(job.output).keys() == weights(checkpoint).keys()
    assert json.loads(Path(job.output, "adapter_config.json").read_text())["base_model_name_or_path"] == llama
    assert loss_of(job.output, validation_set) == pytest.approx(further.best_validation_loss, rel=1e-5)


def test_a_full_refit_from_an_adapter_begins_with_both_and_writes_a_whole_model(
    refitter: Refitter, make_job: MakeJob, first: tuple[RefitResult, str], llama: str, validation_set: str
) -> None:
    job = make_job(start=first[1])
    config = USUAL.model_copy(update={"lora": None, "lr": 1e-4})
    result = refitter.refit(job, config=config)

    assert result.best_validation_loss < first[0].best_validation_loss
    assert weights(job.output).keys() == weights(llama).keys()
    assert not same(weights(job.output), weights(llama))
    assert loss_of(job.output, validation_set) == pytest.approx(result.best_validation_loss, rel=1e-5)


def test_an_adapter_of_another_shape_is_refused(
    refitter: Refitter, make_job: MakeJob, first: tuple[RefitResult, str]
) -> None:
    larger = USUAL.model_copy(update={"lora": LoraConfig(rank=8)})
    with pytest.raises(UserError, match=r"its rank is 4 and its alpha 8: set training\.lora\.rank"):
        refitter.refit(make_job(start=first[1]), config=larger)


def test_a_layer_that_the_model_does_not_have_is_the_users_error(
    refitter: Refitter, make_job: MakeJob
) -> None:
    lora = LoraConfig(target_modules=("c_attn",))
    with pytest.raises(UserError, match=r"training\.lora\.target_modules: .*c_attn.* not found"):
        refitter.refit(make_job(), config=USUAL.model_copy(update={"lora": lora}))


@pytest.mark.parametrize("saving", [{"gradient_checkpointing": True}, {"bf16": True}])
def test_saving_memory_does_not_change_what_is_learned(
    refitter: Refitter, make_job: MakeJob, first: tuple[RefitResult, str], saving: dict[str, bool]
) -> None:
    result = refitter.refit(make_job(), config=USUAL.model_copy(update=saving))
    exact = "bf16" not in saving
    assert result.best_validation_loss == pytest.approx(
        first[0].best_validation_loss, rel=1e-4 if exact else 0.1
    )


def test_an_encoder_decoder_gets_an_adapter_too(refitter: Refitter, make_job: MakeJob, t5: str) -> None:
    job = make_job(start=t5)
    result = refitter.refit(job, config=USUAL)
    assert result.curve[-1][1] < result.curve[0][1]
    assert any("decoder" in name and "EncDecAttention" in name for name in weights(job.output))
    assert AutoModelForSeq2SeqLM.from_pretrained(job.output).config.is_encoder_decoder
