"""Tokens of a prompt are counted as in the engine, without importing transformers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.tiny_models import tiny_llama
from transformers import AutoTokenizer

from rayboot.config import GenerationConfig
from rayboot.engines import load_token_counter

TEXTS = ("", "def f(x):\n    return x\n", "# Task\nnaïve ✓ 12345", "<eos> <pad>")


def test_the_count_is_that_of_the_tokenizer(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    count, tokenizer = load_token_counter(GenerationConfig(), model), AutoTokenizer.from_pretrained(model)
    assert [count(text) for text in TEXTS] == [len(tokenizer(text)["input_ids"]) for text in TEXTS]


def test_other_tokenizer_classes_are_counted_by_transformers(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    config = tmp_path / "model" / "tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "tokenizer_class": "GPT2Tokenizer"}))
    count, tokenizer = load_token_counter(GenerationConfig(), model), AutoTokenizer.from_pretrained(model)
    assert [count(text) for text in TEXTS[1:]] == [len(tokenizer(text)["input_ids"]) for text in TEXTS[1:]]


def test_counting_imports_neither_torch_nor_transformers(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    script = f"""
import sys
from rayboot.config import GenerationConfig
from rayboot.engines import load_token_counter
assert load_token_counter(GenerationConfig(), {model!r})("def f(x)") > 0
print({{"torch", "transformers"}} & set(sys.modules))
"""
    assert output_of(script) == "set()"


def test_a_driver_imports_neither_torch_nor_transformers() -> None:
    assert (
        output_of("import sys, rayboot.runs.launch; print({'torch', 'transformers'} & set(sys.modules))")
        == "set()"
    )


def output_of(script: str) -> str:
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return process.stdout.strip()
