"""Policies with other weights than the model that they come from, as refits would leave them."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer


def nudged(model: str, path: Path, *, seed: int = 0) -> str:
    """Write the model with a little noise on its weights to `path`; returns the path as text."""
    torch.manual_seed(seed)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    with torch.no_grad():
        for weight in loaded.parameters():
            weight += 0.1 * weight.std() * torch.randn_like(weight)
    loaded.save_pretrained(path)
    AutoTokenizer.from_pretrained(model).save_pretrained(path)
    return str(path)


def adapter(model: str, path: Path, *, seed: int = 0, rank: int = 4) -> str:
    """Write a LoRA adapter that changes what the model says to `path`; returns the path as text."""
    torch.manual_seed(seed)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    config = LoraConfig(r=rank, lora_alpha=8 * rank, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(loaded, config).save_pretrained(path)
    return str(path)
