"""The low-rank adapter (LoRA) that a refit trains, by PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peft import LoraConfig as PeftLora
from peft import PeftModel, TaskType, get_peft_model

from rayboot.config.training import LoraConfig
from rayboot.errors import UserError


def fresh(model: Any, lora: LoraConfig, base: str) -> Any:
    """`model` with a new adapter, which changes nothing yet. `base`: where it comes from, for who loads the adapter.

    Raises:
        UserError: The model has no layer of the names that the recipe gives.
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


def continued(model: Any, lora: LoraConfig, adapter: str) -> Any:
    """`model` with the adapter of a directory, to be trained further.

    Raises:
        UserError: It cannot be read, or is not of the shape that the recipe says.
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
