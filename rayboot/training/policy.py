"""The model that a refit trains, with its tokenizer and an optional low-rank adapter (LoRA, by PEFT)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig as PeftLora
from peft import PeftModel, TaskType, get_peft_model
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
)
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

from rayboot.config import LoraConfig
from rayboot.errors import UserError
from rayboot.models.adapters import merged
from rayboot.models.directory import base_of
from rayboot.models.special_tokens import EndTokens, embedding_count, load_defaults, valid_pad, with_valid_pad


def with_new_adapter(model: Any, lora: LoraConfig, base: str) -> Any:
    """Return `model` with a new adapter, whose initial output is zero.

    Args:
        base: Directory or hub name of the model, which the adapter's config records.

    Raises:
        UserError: The model has no layer with a name in `lora.target_modules`.
    """
    config = PeftLora(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        target_modules="all-linear" if lora.target_modules is None else list(lora.target_modules),
        task_type=TaskType.SEQ_2_SEQ_LM if model.config.is_encoder_decoder else TaskType.CAUSAL_LM,
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise UserError(f"training.lora.target_modules: {error}") from error
    config.base_model_name_or_path = str(Path(base).absolute()) if Path(base).is_dir() else base
    return adapted


def with_saved_adapter(model: Any, lora: LoraConfig, adapter: str) -> Any:
    """Return `model` with the adapter in directory `adapter`, trainable.

    Raises:
        UserError: The adapter cannot be read, or its rank or alpha is not that of `lora`.
    """
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


class Policy:
    """A model to train in full, or a frozen one with an adapter to train.

    Trained weights are loaded in float32 whatever the checkpoint's dtype: small updates vanish in 16 bits.
    """

    def __init__(
        self, directory: str, lora: LoraConfig | None = None, *, frozen_in_16_bits: bool = False
    ) -> None:
        """Args:
            directory: Directory of a model or an adapter. With `lora` the adapter is trained further; without, it is
                merged into its model, which is trained.
            lora: Options of the adapter to train; None: train all weights.
            frozen_in_16_bits: Load frozen weights in bfloat16, to which autocast converts them anyway.

        Raises:
            UserError: The directory holds no tokenizer or no model that can be read.
        """
        self._directory = directory
        base = base_of(directory)
        self._adapter = directory if base else None
        self._base = base or directory
        self._lora = lora
        self._load_dtype = torch.bfloat16 if lora and frozen_in_16_bits else torch.float32
        with self._reading():
            self._config = with_valid_pad(AutoConfig.from_pretrained(self._base))
            self.tokenizer: Any = AutoTokenizer.from_pretrained(directory)
        self.size = embedding_count(self._config)
        self.encoder_decoder = bool(self._config.is_encoder_decoder)
        written = None if lora else self._config.dtype
        self.dtype: torch.dtype = written if isinstance(written, torch.dtype) else torch.float32
        """Dtype of the output: the checkpoint's own; float32 for an adapter."""

    @cached_property
    def model(self) -> Any:
        """The model, loaded on first access: DeepSpeed's ZeRO-3 must be configured before.

        Raises:
            UserError: The model cannot be read, or the adapter in the directory is not of the recipe's shape.
        """
        kind = AutoModelForSeq2SeqLM if self.encoder_decoder else AutoModelForCausalLM
        with self._reading():
            model = kind.from_pretrained(self._base, config=self._config, dtype=self._load_dtype)
        ends = EndTokens.of(self.tokenizer, self.defaults, self.size).ids
        if len(ends) > 1:
            model.generation_config.eos_token_id = list(
                ends
            )  # so that generation stops at each, wherever it runs
        if self._lora is None:
            return model if self._adapter is None else self._with_merged_adapter(model)
        if self._adapter is None:
            return with_new_adapter(model, self._lora, self._base)
        return with_saved_adapter(model, self._lora, self._adapter)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{self._directory}: cannot load the model: {error}") from error

    def _with_merged_adapter(self, model: Any) -> Any:
        if is_deepspeed_zero3_enabled():  # type: ignore[no-untyped-call]
            raise UserError(
                f"{self._directory}: deepspeed: zero3 cannot begin with an adapter on a model; use deepspeed: zero2"
            )
        with merged(model, str(self._adapter)):
            pass
        return model.requires_grad_(True)

    @property
    def pad_token_id(self) -> int:
        """An id that has an embedding: which one does not matter, since padding is masked."""
        return valid_pad(self.size, self.tokenizer.pad_token_id)

    @property
    def defaults(self) -> GenerationConfig:
        """The checkpoint's generation config."""
        return load_defaults(self._base, self._config)

    @property
    def max_tokens(self) -> int | None:
        """Context in tokens for prompt and completion together; None: the model has no such limit."""
        return None if self.encoder_decoder else getattr(self._config, "max_position_embeddings", None)
