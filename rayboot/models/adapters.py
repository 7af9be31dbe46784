"""Low-rank adapters (LoRA) in PEFT's format, for models that generate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from transformers import PreTrainedModel

from rayboot.errors import UserError

if TYPE_CHECKING:
    from peft import PeftModel


@contextmanager
def merged(model: PreTrainedModel, adapter: str) -> Iterator[None]:
    """Add the weights of the adapter in a directory to those of `model`, in place, at the end of the block.

    The adapter is read and checked before the block, so the block may still change the model's weights. If the block
    raises, nothing is added. Raise UserError if the adapter is broken, of another model, or cannot be merged.
    """
    adapted = _attach(model, adapter)
    try:
        yield
    except BaseException:
        adapted.unload()
        raise
    adapted.merge_and_unload()


def _attach(model: PreTrainedModel, adapter: str) -> PeftModel:
    """Return PEFT's model of the base model and the adapter. It replaces modules of `model` until it is unloaded."""
    # Imported here, because most models have no adapter.
    from peft import LoraConfig, PeftConfig, PeftModel

    adapted = None
    try:
        config = PeftConfig.from_pretrained(adapter)
        if not isinstance(config, LoraConfig):
            raise ValueError(f"its type is {config.peft_type}, and only LoRA is supported")
        if config.bias != "none" or config.init_lora_weights not in (True, False, "gaussian"):
            raise ValueError(
                "it replaces weights of the base model: only adapters that add to them can be merged"
            )
        # Frozen and without dropout.
        config.inference_mode = True
        # The plain class, which does not change `generate`.
        adapted = PeftModel(model, config)
        result = adapted.load_adapter(adapter, "default", torch_device=str(model.device))
        if mismatched := [*result.missing_keys, *result.unexpected_keys]:
            raise ValueError(f"only one of the adapter and the model has {mismatched[0]}")
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, SafetensorError) as error:
        if adapted is not None:
            adapted.unload()
        reason = " ".join(line.strip() for line in str(error).strip().splitlines()[:2])
        raise UserError(f"adapter {adapter} cannot be used with this model: {reason}") from error
    return adapted
