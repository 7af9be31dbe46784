"""What a recipe may say of the refit, and what it is told when it says what cannot be."""

from __future__ import annotations

import sys

import pytest

from rayboot.config import Recipe, TrainingConfig, recipe_from
from rayboot.errors import UserError
from rayboot.training.zero import deepspeed_options

SHARED = (
    "generation.engine=vllm generation.vllm.sleep=true generation.gpus=0.75 generation.replicas=2 "
    "training.gpus_per_worker=0.25 "
)
"""GPUs that each serve a replica and a training worker in turns."""


def recipe(*overrides: str) -> Recipe:
    data = {
        "name": "small",
        "problems": {"train": "quickstart/train", "validation": "quickstart/validation"},
        "policy": {"model": "quickstart"},
    }
    return recipe_from(data, overrides, "here")


def test_an_adapter_is_asked_for_by_its_section() -> None:
    assert recipe().training.lora is None
    lora = recipe("training.lora={}").training.lora
    assert lora is not None
    assert (lora.rank, lora.alpha, lora.target_modules) == (16, 32, None)
    assert recipe("training.lora.target_modules=[q_proj]").training.lora.target_modules == ("q_proj",)


def test_vllm_makes_room_for_the_adapters_that_training_makes() -> None:
    overrides = ["generation.engine=vllm", "training.lora.rank=16"]
    assert recipe(*overrides, "generation.vllm.max_lora_rank=16").generation.vllm.max_lora_rank == 16


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            "generation.engine=vllm training.lora.rank=16",
            "training.lora makes adapters of rank 16: set generation.vllm.max_lora_rank to 16 or more",
        ),
        (
            "generation.engine=vllm training.lora.rank=16 generation.vllm.max_lora_rank=8",
            "set generation.vllm.max_lora_rank to 16 or more",
        ),
        ("training.lora={} training.deepspeed=zero3", "use deepspeed: zero2"),
        ("training.deepspeed=zero9", "zero2, zero3 or the path of a .json file"),
        ("training.power=3", "power goes with schedule: polynomial"),
        (SHARED + "training.gpus_per_worker=0.5", "must make 1 together, such as 0.75 and 0.25"),
        (SHARED + "training.gpus_per_worker=0", "must make 1 together, such as 0.75 and 0.25"),
        (SHARED + "training.workers=3 training.batch_size=3", "is more than generation.replicas 2"),
        (
            SHARED + "generation.gpus=0.5 training.gpus_per_worker=0.5",
            "generation.gpus 0.5 would put two sleeping replicas on one GPU",
        ),
        ("training.lora.target_modules=[]", "training.lora.target_modules"),
    ],
)
def test_what_cannot_be_is_told_with_what_to_set(overrides: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        recipe(*overrides.split())
    assert told in str(error.value)


def test_a_run_makes_no_room_for_adapters_in_vain() -> None:
    evaluated = recipe("generation.engine=vllm", "generation.vllm.max_lora_rank=8")
    with pytest.raises(UserError, match="max_lora_rank has no effect without adapters"):
        evaluated.require_weights()


def test_without_deepspeed_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    assert deepspeed_options(TrainingConfig()) is None
    with pytest.raises(UserError, match=r"install 'rayboot\[deepspeed\]'"):
        deepspeed_options(TrainingConfig(deepspeed="zero2"))
