"""Weights to a Hugging Face directory that is complete or not there."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import torch


def save_weights(model: Any, dtype: torch.dtype, directory: Path) -> None:
    """Write weights, config and generation config, in the start model's dtype, replacing what is there."""
    aside = directory.with_name(directory.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    state = {name: _cast(tensor, dtype) for name, tensor in model.state_dict().items()}
    model.save_pretrained(aside, state_dict=state)
    # It takes the model's dtype for that of the state, and writes that to the config.
    config = copy.deepcopy(model.config)
    config.dtype = dtype
    config.save_pretrained(aside)
    shutil.rmtree(directory, ignore_errors=True)
    os.rename(aside, directory)


def publish(directory: Path, tokenizer: Any, output: Path) -> None:
    """Complete `directory` with the tokenizer and move it to `output`, in one piece."""
    tokenizer.save_pretrained(directory)
    aside = output.with_name(output.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.move(directory, aside)
    except OSError:
        # On another file system the move is a copy, and may be half of one.
        shutil.rmtree(aside, ignore_errors=True)
        raise
    shutil.rmtree(output, ignore_errors=True)
    os.rename(aside, output)


def _cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor
