"""Model directories for tests: random weights, a real tokenizer, a few thousand parameters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
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


def tiny_llama(
    path: Path,
    *,
    seed: int = 0,
    positions: int = 256,
    pad_token: str | None = "<pad>",
    tokenizer: PreTrainedTokenizerFast | None = None,
    vocabulary: int | None = None,
    head_dim: int = 8,
) -> str:
    """Write a causal model of 2 layers and its tokenizer to `path`, and return the path.

    Args:
        tokenizer: Byte-level by default.
        vocabulary: Number of embeddings; by default the tokenizer's number of tokens.
        head_dim: Width of an attention head; vLLM computes on CPUs from 32 on.
    """
    tokenizer = tokenizer or byte_level(pad_token)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary or len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=head_dim,
        max_position_embeddings=positions,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        initializer_range=0.3,  # far from uniform, so that greedy text is long and varied
    )
    return _save(path, LlamaForCausalLM(config), tokenizer)


def tiny_t5(path: Path, *, seed: int = 0) -> str:
    """Write an encoder-decoder model of 2 + 2 layers and its tokenizer to `path`, and return the path."""
    tokenizer = byte_level("<pad>")
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


def byte_level(pad_token: str | None) -> PreTrainedTokenizerFast:
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


METASPACE = ("always", "first", "never", "legacy")
"""Schemes by which sentencepiece-like tokenizers prepend a space; `legacy` is that of the first Llama 2."""


def metaspace(
    scheme: str, *, added: Sequence[str] = (), bos: bool = True, split: bool = False
) -> PreTrainedTokenizerFast:
    """Return a tokenizer like those of Llama 2, CodeLlama and Mistral.

    A space is encoded as U+2581, and a character without a token as tokens of its bytes.
    """
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
        prepend_scheme="never" if scheme == "legacy" else scheme, split=split
    )
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([text.replace("\n", "") for text in CORPUS * 4], trainer)
    # The byte tokens are added after training, so that they are not special tokens. As in Llama 2, a line break has no
    # other token.
    trained = json.loads(tokenizer.to_str())
    vocabulary = trained["model"]["vocab"]
    vocabulary |= {f"<0x{byte:02X}>": len(vocabulary) + byte for byte in range(256)}
    tokenizer = Tokenizer.from_str(json.dumps(trained))
    if scheme == "legacy":
        tokenizer.pre_tokenizer = None
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
        )
    strip = [] if scheme == "never" else [decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in added])
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def _save(path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> str:
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)
