"""What a model directory must hold. Checked before torch is imported, so that mistakes show at once."""

from __future__ import annotations

import re
from pathlib import Path

from rayboot.errors import UserError

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def check_model(model: str) -> None:
    """Check that `model` is a complete Hugging Face model directory, or could be a name of the hub.

    Raises:
        UserError: Neither, or the directory lacks its config, tokenizer or weights.
    """
    if not is_local(model):
        return
    check_tokenizer(model)
    missing = [
        what
        for what, there in (
            ("config.json", (Path(model) / "config.json").is_file()),
            ("weights (model.safetensors)", has_weights(model)),
        )
        if not there
    ]
    if missing:
        raise UserError(
            f"model directory {model} has no {' and no '.join(missing)}: give a directory as save_pretrained writes it"
        )


def check_tokenizer(model: str) -> None:
    """Check that the directory `model` holds a tokenizer; a name of the hub passes.

    Raises:
        UserError: There is no such directory, or no tokenizer in it.
    """
    if not is_local(model) or any((Path(model) / name).is_file() for name in _TOKENIZER_FILES):
        return
    raise UserError(
        f"model directory {model} has no tokenizer ({', '.join(_TOKENIZER_FILES[:2])} ...): "
        "save it there with tokenizer.save_pretrained"
    )


def is_local(model: str) -> bool:
    """Whether `model` is a directory here; otherwise it must be what a name of the hub looks like.

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
    """Whether the directory holds weights that transformers reads."""
    return any(any(Path(directory).glob(pattern)) for pattern in ("*.safetensors", "pytorch_model*.bin"))
