"""The model that a refit trains: load it with its tokenizer and an optional adapter (LoRA, by PEFT), and save it."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import torch
from peft import LoraConfig as PeftLora
from peft import PeftModel, TaskType, get_peft_model
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

from rayboot.config import LoraConfig
from rayboot.errors import UserError
from rayboot.models.adapters import merged
from rayboot.models.directory import base_of
from rayboot.models.special_tokens import EndTokens, embedding_count, load_defaults, valid_pad, with_valid_pad

Model = PreTrainedModel | PeftModel


class NotFinite(ArithmeticError):
    """A tensor has a value that is not finite; the argument is its name."""


class Policy:
    """A model to train in full, or a frozen one with an adapter to train.

    Trained weights are loaded in float32 whatever the checkpoint's dtype: small updates vanish in 16 bits.
    """

    def __init__(
        self, directory: str, lora: LoraConfig | None = None, *, frozen_in_16_bits: bool = False
    ) -> None:
        """Read config and tokenizer. Raise UserError if the directory holds no model or no tokenizer.

        Args:
            directory: Directory of a model or an adapter. With `lora` the adapter is trained further; without, it is
                merged into its model, which is trained.
            lora: Options of the adapter to train; None: train all weights.
            frozen_in_16_bits: Load frozen weights in bfloat16, to which autocast converts them anyway.
        """
        self._directory = directory
        base = base_of(directory)
        self._adapter = directory if base else None
        self._base = base or directory
        self._lora = lora
        self._load_dtype = torch.bfloat16 if lora and frozen_in_16_bits else torch.float32
        with self._reading():
            self._config = with_valid_pad(AutoConfig.from_pretrained(self._base))
            self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(directory)
        self.size = embedding_count(self._config)
        self.encoder_decoder = bool(self._config.is_encoder_decoder)
        written = None if lora else self._config.dtype
        self.dtype: torch.dtype = written if isinstance(written, torch.dtype) else torch.float32
        """Dtype of the output: the checkpoint's own; float32 for an adapter."""
        self.pad_token_id = valid_pad(self.size, self.tokenizer.pad_token_id)
        """An id that has an embedding: which one does not matter, since padding is masked."""
        self.max_tokens: int | None = (
            None if self.encoder_decoder else getattr(self._config, "max_position_embeddings", None)
        )
        """Context in tokens for prompt and completion together; None: the model has no such limit."""

    @property
    def defaults(self) -> GenerationConfig:
        """The checkpoint's generation config."""
        return load_defaults(self._base, self._config)

    @cached_property
    def model(self) -> Model:
        """The model, loaded on first access: DeepSpeed's ZeRO-3 must be configured before.

        Raise UserError if it cannot be read, or the adapter in the directory is not of the recipe's shape.
        """
        kind = AutoModelForSeq2SeqLM if self.encoder_decoder else AutoModelForCausalLM
        with self._reading():
            model: PreTrainedModel = kind.from_pretrained(
                self._base, config=self._config, dtype=self._load_dtype
            )
        ends = EndTokens.of(self.tokenizer, self.defaults, self.size).ids
        if len(ends) > 1:
            # So that generation stops at each, wherever it runs.
            model.generation_config.eos_token_id = list(ends)
        if self._lora is not None:
            if self._adapter is None:
                return _with_new_adapter(model, self._lora, self._base)
            return _with_saved_adapter(model, self._lora, self._adapter)
        if self._adapter is None:
            return model
        if is_deepspeed_zero3_enabled():  # type: ignore[no-untyped-call]
            raise UserError(
                f"{self._directory}: deepspeed: zero3 cannot begin with an adapter on a model; use deepspeed: zero2"
            )
        with merged(model, self._adapter):
            pass
        return model.requires_grad_(True)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{self._directory}: cannot load the model: {error}") from error


def _with_new_adapter(model: PreTrainedModel, lora: LoraConfig, base: str) -> PeftModel:
    """Return the model with a new adapter, whose initial output is zero, and whose config names the base."""
    config = PeftLora(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        target_modules="all-linear" if lora.target_modules is None else list(lora.target_modules),
        task_type=TaskType.SEQ_2_SEQ_LM if model.config.is_encoder_decoder else TaskType.CAUSAL_LM,
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:  # no layer has a name in target_modules
        raise UserError(f"training.lora.target_modules: {error}") from error
    config.base_model_name_or_path = str(Path(base).absolute()) if Path(base).is_dir() else base
    return adapted


def _with_saved_adapter(model: PreTrainedModel, lora: LoraConfig, adapter: str) -> PeftModel:
    """Return the model with the adapter in directory `adapter`, trainable."""
    try:
        config = PeftLora.from_pretrained(adapter)
        if (config.r, config.lora_alpha) != (lora.rank, lora.alpha):
            raise ValueError(
                f"its rank is {config.r} and its alpha {config.lora_alpha:g}: "
                "set training.lora.rank and training.lora.alpha to that"
            )
        config.lora_dropout, config.inference_mode = lora.dropout, False
        return PeftModel.from_pretrained(model, adapter, config=config, is_trainable=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{adapter}: training cannot go on with this adapter: {error}") from error


def save_weights(model: Model, dtype: torch.dtype, directory: Path, *, rank: int) -> None:
    """Write weights, config and generation config, or an adapter, in `dtype`; replace `directory` as a whole.

    Every worker must call it, because with ZeRO-3 each holds a shard of the weights; rank 0 writes. Raise NotFinite if
    a trained weight is not finite.
    """
    tensors = _whole_tensors(model)
    if rank != 0:
        return
    state = {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()
    }
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if parameter.requires_grad and not state[name].isfinite().all():
            raise NotFinite(name)
    aside = directory.with_name(directory.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    if isinstance(model, PeftModel):
        # By default PEFT asks the hub whether the embeddings differ from the base model's. They do not.
        model.save_pretrained(str(aside), state_dict=state, save_embedding_layers=False)
        (aside / "README.md").unlink()  # an empty model card
    else:
        model.save_pretrained(aside, state_dict=state)
        # save_pretrained writes the model's dtype to the config, not that of `state`.
        config = copy.deepcopy(model.config)
        config.dtype = dtype
        config.save_pretrained(aside)
    shutil.rmtree(directory, ignore_errors=True)
    os.rename(aside, directory)


def _whole_tensors(model: Model) -> dict[str, torch.Tensor]:
    """Return unsharded parameters and buffers by name, or those of an adapter alone."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    state: dict[str, torch.Tensor] = model.state_dict()
    if not any(hasattr(parameter, "ds_id") for parameter in parameters.values()):
        if isinstance(model, PeftModel):
            return {name: state[name] for name in state if parameters[name].requires_grad}
        return state
    # Sharded by ZeRO-3: all workers must take part, and each gets copies.
    import deepspeed

    whole: dict[int, torch.Tensor] = {}
    for parameter in parameters.values():
        # Tied weights have two names and one tensor.
        if id(parameter) not in whole:
            with deepspeed.zero.GatheredParameters([parameter]):
                whole[id(parameter)] = parameter.detach().cpu().clone()
    buffers = {name: buffer for name, buffer in model.named_buffers() if name in state}
    return {**buffers, **{name: whole[id(parameter)] for name, parameter in parameters.items()}}
