"""Write weights to a Hugging Face directory that is either complete or absent."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import torch


class NotFinite(ArithmeticError):
    """A tensor has a value that is not finite; the argument is its name."""


def save_weights(model: Any, dtype: torch.dtype, directory: Path, *, rank: int) -> None:
    """Write weights, config and generation config, or an adapter, in `dtype`; replace `directory`.

    Every worker must call it, because with ZeRO-3 each holds a shard of the weights; rank 0 writes.

    Raises:
        NotFinite: A trained weight is not finite.
    """
    is_adapter = hasattr(model, "peft_config")
    tensors = _whole_tensors(model, trained_only=is_adapter)
    if rank != 0:
        return
    state = {name: _cast(tensor, dtype) for name, tensor in tensors.items()}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if parameter.requires_grad and not state[name].isfinite().all():
            raise NotFinite(name)
    aside = directory.with_name(directory.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    (_save_adapter if is_adapter else _save_model)(model, state, dtype, aside)
    shutil.rmtree(directory, ignore_errors=True)
    os.rename(aside, directory)


def _save_model(model: Any, state: dict[str, torch.Tensor], dtype: torch.dtype, directory: Path) -> None:
    model.save_pretrained(directory, state_dict=state)
    # save_pretrained writes the model's dtype to the config, not that of `state`.
    config = copy.deepcopy(model.config)
    config.dtype = dtype
    config.save_pretrained(directory)


def _save_adapter(model: Any, state: dict[str, torch.Tensor], dtype: torch.dtype, directory: Path) -> None:
    # By default PEFT asks the hub whether the embeddings differ from the base model's. They do not.
    model.save_pretrained(directory, state_dict=state, save_embedding_layers=False)
    (directory / "README.md").unlink()  # an empty model card


def _cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _whole_tensors(model: Any, *, trained_only: bool) -> dict[str, torch.Tensor]:
    """Return unsharded parameters and buffers by name. With ZeRO-3 all workers must call it, and each gets copies."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    if not any(hasattr(parameter, "ds_id") for parameter in parameters.values()):
        state: dict[str, torch.Tensor] = model.state_dict()
        return {name: state[name] for name in state if not trained_only or parameters[name].requires_grad}
    return _gathered(model, parameters)


def _gathered(model: Any, parameters: dict[str, Any]) -> dict[str, torch.Tensor]:
    import deepspeed

    whole: dict[int, torch.Tensor] = {}
    for parameter in parameters.values():
        # Tied weights have two names and one tensor.
        if id(parameter) not in whole:
            with deepspeed.zero.GatheredParameters([parameter]):
                whole[id(parameter)] = parameter.detach().cpu().clone()
    persistent = model.state_dict().keys()
    buffers = {name: buffer for name, buffer in model.named_buffers() if name in persistent}
    return {**buffers, **{name: whole[id(parameter)] for name, parameter in parameters.items()}}
