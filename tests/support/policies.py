"""Models with changed weights, as refits produce them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from rayboot.training.examples import Encoder
from rayboot.training.trainer import Collator


def nudged(model: str, path: Path, *, seed: int = 0) -> str:
    """Write the model with noise on its weights to `path`, and return the path."""
    torch.manual_seed(seed)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    with torch.no_grad():
        for weight in loaded.parameters():
            weight += 0.1 * weight.std() * torch.randn_like(weight)
    loaded.save_pretrained(path)
    AutoTokenizer.from_pretrained(model).save_pretrained(path)
    return str(path)


def adapter(model: str, path: Path, *, seed: int = 0, rank: int = 4) -> str:
    """Write a LoRA adapter that changes the model's output to `path`, and return the path."""
    torch.manual_seed(seed)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    config = LoraConfig(r=rank, lora_alpha=8 * rank, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(loaded, config).save_pretrained(path)
    return str(path)


def overfit(model: str, pairs: Sequence[tuple[str, str]], *, steps: int = 150) -> None:
    """Train the model in its directory, as a refit does, until it generates these completions for these prompts."""
    torch.manual_seed(0)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    encoder = Encoder(
        AutoTokenizer.from_pretrained(model),
        encoder_decoder=False,
        max_prompt_tokens=999,
        max_completion_tokens=999,
        max_tokens=None,
        size=loaded.config.vocab_size,
        defaults=loaded.generation_config,
    )
    batch = Collator(0)(encoder.encode(list(pairs)).examples)
    optimizer = torch.optim.AdamW(loaded.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = loaded(**batch).loss
        if loss < 0.01:
            break
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    loaded.save_pretrained(model)
