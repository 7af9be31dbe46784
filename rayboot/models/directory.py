"""Checks of model directories, without importing torch, so that mistakes are reported at once."""

from __future__ import annotations

import json
import re
from pathlib import Path

from safetensors import SafetensorError, safe_open

from rayboot.errors import UserError

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def check_model(model: str) -> None:
    """Check that `model` is a complete Hugging Face model or adapter directory, or could be a hub name.

    Raises:
        UserError: It is neither, or the directory lacks its config, tokenizer or weights, or an adapter its base model.
    """
    if not is_local(model):
        return
    check_tokenizer(model)
    base = base_of(model)
    if base is None:
        _check_config_and_weights(model)
    elif is_local(base):
        _check_config_and_weights(base)


def base_of(model: str) -> str | None:
    """Return the base model of the adapter in directory `model`; None if `model` is not an adapter directory.

    Raises:
        UserError: The adapter has no weights, names no base model, or its base model does not exist.
    """
    config = Path(model, ADAPTER_CONFIG)
    if not config.is_file():
        return None
    if not Path(model, ADAPTER_WEIGHTS).is_file():
        raise UserError(
            f"adapter directory {model} has no {ADAPTER_WEIGHTS}: give a directory written by PEFT"
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


def weight_files(checkpoint: str) -> list[Path]:
    """Return the safetensors files of a checkpoint directory, sorted by name.

    Raises:
        UserError: There is none.
    """
    files = sorted(Path(checkpoint).glob("*.safetensors"))
    if not files:
        raise UserError(
            f"checkpoint {checkpoint} has no safetensors file: give a directory written by save_pretrained"
        )
    return files


def _check_config_and_weights(model: str) -> None:
    missing = [
        part
        for part, present in (
            ("config.json", (Path(model) / "config.json").is_file()),
            ("weights (model.safetensors)", has_weights(model)),
        )
        if not present
    ]
    if missing:
        raise UserError(
            f"model directory {model} has no {' and no '.join(missing)}: give a directory written by save_pretrained"
        )


def check_tokenizer(model: str) -> None:
    """Check that the directory `model` holds a tokenizer. A hub name passes.

    Raises:
        UserError: There is no such directory, or it has no tokenizer.
    """
    if not is_local(model) or any((Path(model) / name).is_file() for name in _TOKENIZER_FILES):
        return
    raise UserError(
        f"model directory {model} has no tokenizer ({', '.join(_TOKENIZER_FILES[:2])} ...): "
        "save it there with tokenizer.save_pretrained"
    )


def is_local(model: str) -> bool:
    """Return whether `model` is a local directory. Otherwise it must look like a hub name.

    Raises:
        UserError: It is neither.
    """
    path = Path(model)
    if path.is_dir():
        return True
    if path.exists():
        raise UserError(f"model {model} is a file: give the Hugging Face directory that holds it")
    if _HUB_NAME.fullmatch(model) is None:
        raise UserError(f"model directory {model} does not exist")
    return False


def has_weights(directory: str) -> bool:
    """Return whether the directory holds weights that transformers can read."""
    return any(any(Path(directory).glob(pattern)) for pattern in ("*.safetensors", "pytorch_model*.bin"))


def check_same_shapes(checkpoint: str, model: str) -> None:
    """Check that the tensors of two local directories have the same names and shapes.

    Tied weights may be stored under one of their names or under both: a name that only one side has is not a
    difference.

    Raises:
        UserError: The checkpoint is missing, broken, or another model's.
    """
    if not Path(model).is_dir():
        return  # a hub name: its files are in the hub's cache
    expected, found = _shapes(model), _shapes(checkpoint)
    differing = [name for name, shape in found.items() if expected.get(name, shape) != shape]
    if differing or not found.keys() & expected.keys():
        name = differing[0] if differing else next(iter(found))
        raise UserError(
            f"checkpoint {checkpoint} holds another model's weights: {name} has the shape {found[name]}, "
            f"in {model} {expected.get(name, 'there is no such tensor')}"
        )


def _shapes(directory: str) -> dict[str, list[int]]:
    shapes: dict[str, list[int]] = {}
    for file in weight_files(directory):
        try:
            with safe_open(file, framework="np") as tensors:
                shapes |= {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UserError(f"checkpoint file {file} cannot be read: {error}") from error
    return shapes
