"""A model of any size that says what a small one says: for measuring engines with real programs and without weights."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def widen(model: str, path: Path, parameters: int, vocabulary: int = 0) -> int:
    """Write a Llama with its MLPs made wider, by neurons that contribute nothing, to `path`.

    Args:
        parameters: At least so many; the result has a few more.
        vocabulary: Tokens that it knows at least, as larger models know tens of thousands. Those beyond the tokenizer's
            are in no text, but their logits are computed; for training only, as a generator might draw them.

    Returns:
        Number of parameters.
    """
    small = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    config = copy.deepcopy(small.config)
    if vocabulary > config.vocab_size:
        small.resize_token_embeddings(vocabulary)
        config.vocab_size = vocabulary
    missing = max(0, parameters - small.num_parameters())
    per_neuron = 3 * config.hidden_size * config.num_hidden_layers
    config.intermediate_size += -(-missing // per_neuron // 64) * 64 + 64
    wide = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    state = wide.state_dict()
    for name, tensor in small.state_dict().items():
        if state[name].shape != tensor.shape:
            grown = torch.zeros_like(state[name]) if "down_proj" in name else state[name].clone()
            grown[: tensor.shape[0], : tensor.shape[1]] = tensor
            tensor = grown
        state[name] = tensor
    wide.load_state_dict(state)
    wide.save_pretrained(path)
    AutoTokenizer.from_pretrained(model).save_pretrained(path)
    return int(wide.num_parameters())
