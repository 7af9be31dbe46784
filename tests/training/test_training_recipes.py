"""The recipe's options of the refit, and the errors for combinations that are impossible."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rayboot.config import Recipe, TrainingConfig, recipe_from
from rayboot.errors import UserError
from rayboot.training.zero import deepspeed_options

SHARED = (
    "generation.engine=vllm generation.vllm.sleep=true generation.gpus=0.75 generation.replicas=2 "
    "training.gpus_per_worker=0.25 "
)
"""Each GPU is shared by a replica and a training worker, which take turns."""


def recipe(*overrides: str) -> Recipe:
    data = {
        "name": "small",
        "problems": {"train": "quickstart/train", "validation": "quickstart/validation"},
        "policy": {"model": "quickstart"},
    }
    return recipe_from(data, overrides, "here")


def test_the_lora_section_enables_an_adapter() -> None:
    assert recipe().training.lora is None
    lora = recipe("training.lora={}").training.lora
    assert lora is not None
    assert (lora.rank, lora.alpha, lora.target_modules) == (16, 32, None)
    assert recipe("training.lora.target_modules=[q_proj]").training.lora.target_modules == ("q_proj",)


def test_vllm_allows_the_rank_of_the_adapters_that_training_makes() -> None:
    overrides = ["generation.engine=vllm", "training.lora.rank=16"]
    assert recipe(*overrides, "generation.vllm.max_lora_rank=16").generation.vllm.max_lora_rank == 16


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            "generation.engine=vllm training.lora.rank=16",
            "training.lora trains adapters of rank 16: set generation.vllm.max_lora_rank to 16 or more",
        ),
        (
            "generation.engine=vllm training.lora.rank=16 generation.vllm.max_lora_rank=8",
            "set generation.vllm.max_lora_rank to 16 or more",
        ),
        ("training.lora={} training.deepspeed=zero3", "use deepspeed: zero2"),
        ("training.deepspeed=zero9", "zero2, zero3 or the path of a .json file"),
        ("training.power=3", "power needs schedule: polynomial"),
        (SHARED + "training.gpus_per_worker=0.5", "must add up to 1, such as 0.75 and 0.25"),
        (SHARED + "training.gpus_per_worker=0", "must add up to 1, such as 0.75 and 0.25"),
        (SHARED + "training.workers=3 training.batch_size=3", "exceeds generation.replicas 2"),
        (
            SHARED + "generation.gpus=0.5 training.gpus_per_worker=0.5",
            "generation.gpus 0.5 would put two replicas on one GPU",
        ),
        ("training.lora.target_modules=[]", "training.lora.target_modules"),
    ],
)
def test_an_impossible_combination_is_refused_with_what_to_set(overrides: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        recipe(*overrides.split())
    assert message in str(error.value)


def test_an_adapter_rank_without_adapters_is_refused() -> None:
    evaluated = recipe("generation.engine=vllm", "generation.vllm.max_lora_rank=8")
    with pytest.raises(UserError, match="max_lora_rank has no effect without adapters"):
        evaluated.require_weights()


def test_without_deepspeed_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    assert deepspeed_options(TrainingConfig()) is None
    with pytest.raises(UserError, match=r"install 'rayboot\[deepspeed\]'"):
        deepspeed_options(TrainingConfig(deepspeed="zero2"))


def test_the_older_form_of_a_deepspeed_json_goes_with_an_adapter(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(
        json.dumps({"zero_optimization": True})
    )  # DeepSpeed reads it as stage 1
    pytest.importorskip("deepspeed")
    config = TrainingConfig.model_validate({"deepspeed": str(tmp_path / "own.json"), "lora": {}})
    assert deepspeed_options(config) == {"zero_optimization": True}
