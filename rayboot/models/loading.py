"""Load models and tokenizers, and new weights into a loaded model."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import torch
from huggingface_hub import constants, snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from rayboot.errors import UserError
from rayboot.models.adapters import merged
from rayboot.models.directory import base_of, check_model, check_tokenizer, is_local, weight_files
from rayboot.models.special_tokens import with_valid_pad


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model directory or hub name.

    Raises:
        UserError: There is none.
    """
    check_tokenizer(model)
    tokenizer: PreTrainedTokenizerBase = _from_pretrained(AutoTokenizer, model, "tokenizer")
    return tokenizer


def encode(tokenizer: PreTrainedTokenizerBase, prompt: str, *, continues: bool = True) -> list[int]:
    """Return the tokens of a prompt, with the special tokens that this tokenizer adds.

    A beginning-of-text token that the prompt starts with, as chats may, is not added again.

    Args:
        tokenizer: The model's tokenizer.
        prompt: The prompt.
        continues: Whether the completion continues the prompt, as that of a causal model does. An end-of-sequence token
            that the tokenizer adds (`add_eos_token`) is then dropped; an encoder needs it.
    """
    ids: list[int] = tokenizer(prompt, verbose=False)["input_ids"]
    if ids[:2] == [tokenizer.bos_token_id] * 2:
        ids = ids[1:]
    end = tokenizer.eos_token_id
    has_added_end = (
        continues and len(ids) > 1 and ids[-1] == end and not prompt.endswith(str(tokenizer.eos_token))
    )
    return ids[:-1] if has_added_end else ids


def load_model(model: str, dtype: torch.dtype | str, device: torch.device) -> PreTrainedModel:
    """Return a causal or encoder-decoder model, as its config says, ready to generate.

    For an adapter directory, return the base model with the adapter merged into its weights.

    Args:
        model: Directory or hub name.
        dtype: `"auto"` is the checkpoint's own.
        device: Device of the weights.

    Raises:
        UserError: The directory is incomplete, or its weights are not those of its config.
    """
    check_model(model)
    if (base := base_of(model)) is not None:
        base_model = load_model(base, dtype, device)
        with merged(base_model, model):
            pass
        return base_model
    config = with_valid_pad(_from_pretrained(AutoConfig, model, "config"))
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    loaded, report = _from_pretrained(
        auto, model, "weights", config=config, dtype=dtype, output_loading_info=True
    )
    if report["missing_keys"]:
        # transformers would initialise these weights at random.
        raise UserError(f"the weights of model {model} lack {_first_three(report['missing_keys'])}")
    return cast(PreTrainedModel, loaded.to(device).eval().requires_grad_(False))


def load_weights(model: PreTrainedModel, checkpoint: str) -> None:
    """Copy the weights of a checkpoint directory into `model`, in the model's dtype and on its device.

    Everything is checked before the first tensor changes: after an error the model is unchanged. Tied weights may be
    stored once, as `save_pretrained` does, or under each of their names.

    For an adapter directory, load the base model's weights with the adapter merged: an adapter merged earlier is gone.

    Raises:
        UserError: The checkpoint is missing or broken, or holds the weights of another model.
    """
    base = base_of(checkpoint)
    targets = model.state_dict()
    with nullcontext() if base is None else merged(model, checkpoint):
        _copy_weights(checkpoint if base is None else _local_directory(base), targets)


def _copy_weights(checkpoint: str, targets: Mapping[str, torch.Tensor]) -> None:
    weights = read_weights(checkpoint)
    _check_compatible(checkpoint, weights, targets)
    with torch.no_grad():
        for name, weight in weights.items():
            targets[name].copy_(weight)


def read_weights(checkpoint: str) -> dict[str, torch.Tensor]:
    """Return all tensors of a directory's safetensors files, single or sharded, on the CPU.

    Raises:
        UserError: There is no such directory, it has no such file, or one cannot be read.
    """
    weights: dict[str, torch.Tensor] = {}
    for file in weight_files(checkpoint):
        try:
            weights.update(load_file(file))
        except (OSError, SafetensorError) as error:
            raise UserError(f"checkpoint file {file} cannot be read: {error}") from error
    return weights


def quiet_transformers() -> None:
    """Suppress progress bars and notices of transformers."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _check_compatible(
    checkpoint: str, weights: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]
) -> None:
    # Names that share storage are tied: one of them is enough.
    present = {targets[name].data_ptr() for name in weights if name in targets}
    missing = [name for name, target in targets.items() if target.data_ptr() not in present]
    unexpected = [name for name in weights if name not in targets]
    mismatched = [
        f"{name} {tuple(weights[name].shape)} for {tuple(target.shape)}"
        for name, target in targets.items()
        if name in weights and weights[name].shape != target.shape
    ]
    for verb, names in (
        ("lacks", missing),
        ("has the unknown", unexpected),
        ("has the wrong shape", mismatched),
    ):
        if names:
            raise UserError(f"checkpoint {checkpoint} is of another model: it {verb} {_first_three(names)}")


def _from_pretrained(auto: Any, model: str, part: str, **options: Any) -> Any:
    quiet_transformers()
    if not is_local(model):
        # Without a network the hub's client would retry for minutes before it reads its cache.
        options["local_files_only"] = not _hub_is_reachable()
    try:
        return auto.from_pretrained(model, **options)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        if is_local(model):
            raise UserError(f"the {part} of model {model} cannot be read: {reason}") from error
        raise UserError(
            f"model {model} is neither a local directory nor a model that can be downloaded now: give a directory, "
            f"or run `hf download {model}` with a network connection first ({reason})"
        ) from error


def _local_directory(model: str) -> str:
    """Return the directory of a model that has been loaded before."""
    return model if is_local(model) else str(snapshot_download(model, local_files_only=True))


@lru_cache(maxsize=1)
def _hub_is_reachable() -> bool:
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=5).close()
    except HTTPError:
        return True
    except URLError as error:
        # Certificates are checked by the hub's client, which may know more of them.
        return isinstance(error.reason, ssl.SSLError)
    except OSError:
        return False
    return True


def _first_three(names: Any) -> str:
    names = sorted(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
