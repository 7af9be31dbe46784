"""Checks of model directories, without importing torch, so that mistakes are reported at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open

from rayboot.errors import UserError

Read = TypeVar("Read")

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
_WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")
_ADAPTER_CONFIG, _ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def check_model(model: str) -> None:
    """Check that `model` is a complete Hugging Face model or adapter directory, or could be a hub name.

    Raise UserError if it is neither, or lacks its config, tokenizer, weights or base model.
    """
    if not is_local(model):
        return
    check_tokenizer(model)
    base = base_of(model) or model
    if not is_local(base):
        return
    missing = [] if Path(base, "config.json").is_file() else ["config.json"]
    if not any(any(Path(base).glob(pattern)) for pattern in _WEIGHT_FILES):
        missing.append("weights (model.safetensors)")
    if missing:
        raise UserError(
            f"model directory {base} has no {' and no '.join(missing)}: give a directory written by save_pretrained"
        )


def check_tokenizer(model: str) -> None:
    """Check that the directory `model` holds a tokenizer. A hub name passes."""
    if is_local(model) and not any(Path(model, name).is_file() for name in _TOKENIZER_FILES):
        raise UserError(
            f"model directory {model} has no tokenizer ({', '.join(_TOKENIZER_FILES[:2])} ...): "
            "save it there with tokenizer.save_pretrained"
        )


def base_of(model: str) -> str | None:
    """Return the base model of the adapter in directory `model`; None if `model` is not an adapter directory.

    Raise UserError if the adapter has no weights, names no base model, or its base model does not exist.
    """
    config = Path(model, _ADAPTER_CONFIG)
    if not config.is_file():
        return None
    if not Path(model, _ADAPTER_WEIGHTS).is_file():
        raise UserError(
            f"adapter directory {model} has no {_ADAPTER_WEIGHTS}: give a directory written by PEFT"
        )
    try:
        base = json.loads(config.read_text()).get("base_model_name_or_path")
    except (OSError, ValueError) as error:
        raise UserError(f"{config} cannot be read: {error}") from error
    if not base:
        raise UserError(f"{config} names no base model: set its base_model_name_or_path")
    try:
        is_local(base)
    except UserError as error:
        raise UserError(f"{config} names a base model that is not there: {error}") from None
    return str(base)


def is_local(model: str) -> bool:
    """Return whether `model` is a local directory. Raise UserError if it is no hub name either."""
    path = Path(model)
    if path.is_dir():
        return True
    if path.exists():
        raise UserError(f"model {model} is a file: give the Hugging Face directory that holds it")
    if _HUB_NAME.fullmatch(model) is None:
        raise UserError(f"model directory {model} does not exist")
    return False


def read_weight_files(checkpoint: str, read: Callable[[Path], Mapping[str, Read]]) -> dict[str, Read]:
    """Return what `read` finds, by tensor, in a directory's safetensors files, single or sharded.

    Raise UserError if there is none, or one cannot be read.
    """
    found: dict[str, Read] = {}
    files = sorted(Path(checkpoint).glob("*.safetensors"))
    for file in files:
        try:
            found.update(read(file))
        except (OSError, SafetensorError) as error:
            raise UserError(f"checkpoint file {file} cannot be read: {error}") from error
    if not files:
        raise UserError(
            f"checkpoint {checkpoint} has no safetensors file: give a directory written by save_pretrained"
        )
    return found


def check_same_shapes(checkpoint: str, model: str) -> None:
    """Check that the tensors of two directories have the same names and shapes, unless `model` is a hub name.

    Tied weights may be stored under one of their names or under both: a name that only one side has is not a
    difference. Raise UserError if the checkpoint is missing, broken, or another model's.
    """
    if not Path(model).is_dir():
        return  # its files are in the hub's cache
    expected, found = read_weight_files(model, _shapes), read_weight_files(checkpoint, _shapes)
    differing = [name for name, shape in found.items() if expected.get(name, shape) != shape]
    if differing or not found.keys() & expected.keys():
        name = differing[0] if differing else next(iter(found))
        raise UserError(
            f"checkpoint {checkpoint} holds another model's weights: {name} has the shape {found[name]}, "
            f"in {model} {expected.get(name, 'there is no such tensor')}"
        )


def _shapes(file: Path) -> dict[str, list[int]]:
    with safe_open(file, framework="np") as tensors:
        return {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
