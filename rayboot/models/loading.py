"""Load models and tokenizers, and new weights into a loaded model."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import lru_cache
from typing import TypeVar
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
from rayboot.models.directory import base_of, check_model, check_tokenizer, is_local, read_weight_files
from rayboot.models.special_tokens import with_valid_pad

Loaded = TypeVar("Loaded")


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model directory or hub name. Raise UserError if there is none."""
    check_tokenizer(model)
    return _load(AutoTokenizer.from_pretrained, model, "tokenizer")


def encode(tokenizer: PreTrainedTokenizerBase, prompt: str, *, continues: bool = True) -> list[int]:
    """Return the tokens of a prompt, with the special tokens that this tokenizer adds.

    A beginning-of-text token that the prompt starts with, as chats may, is not added again. An end-of-sequence
    token that the tokenizer adds (`add_eos_token`) is dropped if the completion `continues` the prompt, as that
    of a causal model does; an encoder needs it.
    """
    ids: list[int] = tokenizer(prompt, verbose=False)["input_ids"]
    if ids[:2] == [tokenizer.bos_token_id] * 2:
        ids = ids[1:]
    ends = len(ids) > 1 and ids[-1] == tokenizer.eos_token_id
    if continues and ends and not prompt.endswith(str(tokenizer.eos_token)):
        ids = ids[:-1]
    return ids


def load_model(model: str, dtype: torch.dtype | str, device: torch.device) -> PreTrainedModel:
    """Return a causal or encoder-decoder model, as its config says, ready to generate.

    For an adapter directory, return the base model with the adapter merged into its weights. The dtype `"auto"`
    is the checkpoint's own. Raise UserError if the directory is incomplete, or its weights do not fit its config.
    """
    check_model(model)
    if (base := base_of(model)) is not None:
        base_model = load_model(base, dtype, device)
        with merged(base_model, model):
            pass
        return base_model
    config = with_valid_pad(_load(AutoConfig.from_pretrained, model, "config"))
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    loaded, report = _load(
        auto.from_pretrained, model, "weights", config=config, dtype=dtype, output_loading_info=True
    )
    if report["missing_keys"]:
        # transformers would initialise these weights at random.
        raise UserError(f"the weights of model {model} lack {_first_three(report['missing_keys'])}")
    ready: PreTrainedModel = loaded.to(device).eval().requires_grad_(False)
    return ready


def load_weights(model: PreTrainedModel, checkpoint: str) -> None:
    """Copy the weights of a checkpoint directory into `model`, in the model's dtype and on its device.

    Everything is checked before the first tensor changes: after an error the model is unchanged. Tied weights may be
    stored once, as `save_pretrained` does, or under each of their names.

    For an adapter directory, load the base model's weights with the adapter merged: an adapter merged earlier is gone.

    Raise UserError if the checkpoint is missing or broken, or holds the weights of another model.
    """
    base = base_of(checkpoint)
    if base is not None and not is_local(base):
        base = snapshot_download(base, local_files_only=True)  # it has been loaded before
    targets = model.state_dict()
    with nullcontext() if base is None else merged(model, checkpoint):
        directory = base or checkpoint
        weights = read_weight_files(directory, load_file)
        _check_compatible(directory, weights, targets)
        with torch.no_grad():
            for name, weight in weights.items():
                targets[name].copy_(weight)


def _check_compatible(
    checkpoint: str, weights: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]
) -> None:
    # Names that share storage are tied: one of them is enough.
    present = {targets[name].data_ptr() for name in weights if name in targets}
    differences = {
        "lacks": [name for name, target in targets.items() if target.data_ptr() not in present],
        "has the unknown": [name for name in weights if name not in targets],
        "has the wrong shape": [
            f"{name} {tuple(weights[name].shape)} for {tuple(target.shape)}"
            for name, target in targets.items()
            if name in weights and weights[name].shape != target.shape
        ],
    }
    for verb, names in differences.items():
        if names:
            raise UserError(f"checkpoint {checkpoint} is of another model: it {verb} {_first_three(names)}")


def _load(from_pretrained: Callable[..., Loaded], model: str, part: str, **options: object) -> Loaded:
    """Load a part of a model quietly, from a directory or from the hub or its cache."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if not is_local(model):
        # Without a network the hub's client would retry for minutes before it reads its cache.
        options["local_files_only"] = not _hub_is_reachable()
    try:
        return from_pretrained(model, **options)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        if is_local(model):
            raise UserError(f"the {part} of model {model} cannot be read: {reason}") from error
        raise UserError(
            f"model {model} is neither a local directory nor a model that can be downloaded now: give a directory, "
            f"or run `hf download {model}` with a network connection first ({reason})"
        ) from error


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


def _first_three(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
