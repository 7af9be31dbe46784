"""Low-rank adapters (LoRA), as PEFT writes them, in a model that generates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from safetensors import SafetensorError
from transformers import PreTrainedModel

from rayboot.errors import UserError


@contextmanager
def merged(model: PreTrainedModel, adapter: str) -> Iterator[None]:
    """Add what the adapter in a directory adds to the weights of `model`, in place, on leaving the block.

    The adapter is read and checked on entering, so the block may still change the weights it is to be added to. When
    the block raises, nothing is added.

    Raises:
        UserError: The adapter is broken, of another model, or of a kind that cannot be merged.
    """
    layers = _attached(model, adapter)
    try:
        yield
    except BaseException:
        layers.unload()
        raise
    layers.merge_and_unload()


def _attached(model: PreTrainedModel, adapter: str) -> Any:
    """PEFT's model of the base model and the adapter. It replaces modules of `model` until it is unloaded."""
    # Here, because most models have no adapter.
    from peft import LoraConfig, PeftConfig, PeftModel

    try:
        config = PeftConfig.from_pretrained(adapter)
        if not isinstance(config, LoraConfig):
            raise ValueError(f"it is of the kind {config.peft_type}, and LoRA is needed")
        if config.bias != "none" or config.init_lora_weights not in (True, False, "gaussian"):
            raise ValueError("it replaces weights of the base model, and can only be one that adds to them")
        # Frozen, and without dropout.
        config.inference_mode = True
        # The plain class, which leaves `generate` alone.
        layers: Any = PeftModel(model, config)
    except (ValueError, KeyError, TypeError, OSError, RuntimeError) as error:
        raise _misfit(adapter, error) from error
    try:
        found = layers.load_adapter(adapter, "default", torch_device=str(model.device))
        if strange := [*found.missing_keys, *found.unexpected_keys]:
            raise ValueError(f"it lacks, or the model has no place for, {strange[0]}")
    except (ValueError, KeyError, OSError, RuntimeError, SafetensorError) as error:
        layers.unload()
        raise _misfit(adapter, error) from error
    return layers


def _misfit(adapter: str, error: Exception) -> UserError:
    reason = " ".join(line.strip() for line in str(error).strip().splitlines()[:2])
    return UserError(f"adapter {adapter} cannot be used with this model: {reason}")
