from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from rayboot.errors import UserError
from rayboot.training.examples import IGNORED, Encoder
from rayboot.training.policy import Policy
from rayboot.training.training_set import parquet_files, read_pairs


def encoder(model: str, **changes: object) -> Encoder:
    options = {
        "encoder_decoder": False,
        "max_prompt_tokens": 50,
        "max_completion_tokens": 50,
        "max_tokens": None,
    }
    return Encoder(AutoTokenizer.from_pretrained(model), **{**options, **changes})  # type: ignore[arg-type]


def test_a_causal_model_learns_the_completion_and_its_end_but_not_the_prompt(llama: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(llama)
    [example] = encoder(llama).encode([("def f(", "x):\n")]).examples

    learned = [token for token in example["labels"] if token != IGNORED]
    prompt = tokenizer("def f(")["input_ids"]
    assert tokenizer.decode(learned) == "x):\n<eos>"
    assert example["input_ids"] == prompt + learned
    assert example["labels"][: len(prompt)] == [IGNORED] * len(prompt)


def test_the_boundary_is_where_generation_has_it_even_if_a_token_would_span_it(llama: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(llama)
    assert len(tokenizer("assert")["input_ids"]) == 1

    [example] = encoder(llama).encode([("ass", "ert")]).examples

    assert example["input_ids"][:-1] == tokenizer("ass")["input_ids"] + tokenizer("ert")["input_ids"]


def test_an_encoder_decoder_reads_the_prompt_and_learns_the_completion(t5: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(t5)
    [example] = encoder(t5, encoder_decoder=True).encode([("def f(", "x):\n")]).examples

    assert example["input_ids"] == tokenizer("def f(")["input_ids"]
    assert tokenizer.decode(example["labels"]) == "x):\n<eos>"


def test_too_long_examples_are_left_out_and_counted(llama: str) -> None:
    # One token per character: the byte-level tokenizer has no merges for these.
    pairs = [("zz", "qq"), ("zzzzz", "qq"), ("zz", "qqqqq"), ("zzzz", "qqqq")]

    result = encoder(llama, max_prompt_tokens=4, max_completion_tokens=5).encode(pairs)
    assert (len(result.examples), result.dropped) == (2, 2)
    assert result.tokens == 3 + 5

    within_context = encoder(llama, max_tokens=8).encode(pairs)
    assert (len(within_context.examples), within_context.dropped) == (3, 1)


def test_examples_come_in_the_stored_order(tmp_path: Path) -> None:
    for part, prompts in enumerate([["b", "a"], ["d", "c"]]):
        pq.write_table(
            pa.table({"completion": prompts, "prompt": prompts}), tmp_path / f"part-{part}.parquet"
        )

    assert [prompt for prompt, _ in read_pairs(parquet_files(str(tmp_path)))] == ["b", "a", "d", "c"]


def test_a_folder_without_examples_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are none"):
        parquet_files(str(tmp_path / "missing"))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["a"], "solution": ["b"]}), tmp_path / "0.parquet")
    with pytest.raises(UserError, match=r"no column completion; the columns are prompt, solution"):
        parquet_files(str(tmp_path))


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["a"], "completion": ["b"]}), tmp_path / "0.parquet")
    whole = (tmp_path / "0.parquet").read_bytes()
    (tmp_path / "0.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"0\.parquet: not a readable Parquet file"):
        parquet_files(str(tmp_path))


def test_a_refitted_model_names_every_end_token_that_it_was_trained_with(llama: str, tmp_path: Path) -> None:
    shutil.copytree(llama, tmp_path / "model")
    config = {"eos_token_id": 5}  # not the tokenizer's, with which completions of plain prompts end
    (tmp_path / "model" / "generation_config.json").write_text(json.dumps(config))
    policy = Policy(str(tmp_path / "model"))
    assert set(policy.model.generation_config.eos_token_id) == {5, policy.tokenizer.eos_token_id}


def test_a_tokenizer_without_an_end_token_is_refused(llama: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(llama)
    tokenizer.eos_token = None
    with pytest.raises(UserError, match="names an end-of-sequence token that the model has an embedding for"):
        Encoder(
            tokenizer,
            encoder_decoder=False,
            max_prompt_tokens=9,
            max_completion_tokens=9,
            max_tokens=None,
        )
