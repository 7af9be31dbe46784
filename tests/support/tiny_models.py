"""Model directories for tests: random weights, a real tokenizer, a few thousand parameters."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

CORPUS = (
    "def add(a, b):\n    return a + b\n",
    "def first(items):\n    for item in items:\n        return item\n    return None\n",
    "Write a function to find the largest number in a list. # naïve ümläut ✓\n",
    "assert add(1, 2) == 3\nassert first([4, 5]) == 4\nprint('hello world')\n",
)


def tiny_llama(path: Path, *, seed: int = 0, positions: int = 256, pad_token: str | None = "<pad>") -> str:
    """Write a causal model of 2 layers and its byte-level tokenizer to `path`; returns the path as text."""
    tokenizer = _tokenizer(pad_token)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        initializer_range=0.3,  # far from uniform, so that greedy text is long and varied
    )
    return _save(path, LlamaForCausalLM(config), tokenizer)


def tiny_t5(path: Path, *, seed: int = 0) -> str:
    """Write an encoder-decoder model of 2 + 2 layers and its tokenizer to `path`; returns the path as text."""
    tokenizer = _tokenizer("<pad>")
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_factor=3.0,
    )
    return _save(path, T5ForConditionalGeneration(config), tokenizer)


def _tokenizer(pad_token: str | None) -> PreTrainedTokenizerFast:
    special = ["<eos>", *([pad_token] if pad_token else [])]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token=pad_token)


def _save(path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> str:
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)
