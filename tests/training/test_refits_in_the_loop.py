"""Whole runs with unusual refits: rollout, curation, refit, publishing and evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.dataset as pads
import pytest
from support.small_runs import metrics, small_recipe
from support.tiny_models import tiny_t5
from transformers import AutoModelForSeq2SeqLM

from rayboot.runs.evaluate import measure
from rayboot.runs.launch import run_recipe
from rayboot.stages.observer import Silent

pytestmark = pytest.mark.slow


@pytest.mark.long
def test_an_encoder_decoder_goes_through_the_whole_loop(ray_session: None, tmp_path: Path) -> None:
    tiny_t5(tmp_path / "model")
    training = {"epochs": 20, "lr": 1e-2}
    run_recipe(small_recipe(tmp_path, training=training), Silent())

    run = tmp_path / "runs/small"
    assert [(row["iteration"], row["split"]) for row in metrics(run)] == [
        (0, "validation"),
        (0, "test"),
        (1, "train"),
        (1, "validation"),
        (1, "test"),
    ]
    assert AutoModelForSeq2SeqLM.from_pretrained(run / "iterations/01/checkpoint").config.is_encoder_decoder
    # The new weights are in use, and generate other programs.
    before, after = (
        pads.dataset(run / "iterations" / stage, format="parquet").to_table().to_pydict()
        for stage in ("00/evaluation", "01/evaluation")
    )
    assert set(after["weights_version"]) == {1}
    assert sorted(before["program"]) != sorted(after["program"])


@pytest.mark.long
def test_adapters_go_through_the_whole_loop_one_iterations_to_the_next(
    ray_session: None, tmp_path: Path
) -> None:
    training = {"lora": {"rank": 4, "alpha": 8}, "epochs": 20, "lr": 2e-2}
    run_recipe(
        small_recipe(tmp_path, algorithm={"iterations": 2, "start": "previous"}, training=training), Silent()
    )

    checkpoints = [tmp_path / f"runs/small/iterations/0{iteration}/checkpoint" for iteration in (1, 2)]
    for checkpoint in checkpoints:
        config = json.loads((checkpoint / "adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == str(tmp_path / "model")
    # An adapter's directory is a model: evaluated alone, it has the results of its run.
    [in_run] = [
        row for row in metrics(tmp_path / "runs/small") if (row["iteration"], row["split"]) == (2, "test")
    ]
    options = ["generation.dtype=float64", "policy.max_prompt_tokens=200", "policy.max_completion_tokens=40"]
    alone = measure(str(checkpoints[1]), f"jsonl:{tmp_path}/test.jsonl", options, None, Silent())
    assert alone.completion_tokens == in_run["completion_tokens"]
    assert alone.rates["pass@1"] == in_run["pass@1"]
