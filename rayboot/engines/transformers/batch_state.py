"""The state of a batch during decoding, with a key-value cache that grows in place."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod

import torch
from torch.nn.functional import pad
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import DynamicLayer
from transformers.modeling_outputs import BaseModelOutput

_MIN_SPARE = 64


class PreallocatedLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values of a layer, in buffers with spare capacity.

    `DynamicLayer` copies the whole cache at every step to add one position, which takes half of a small model's time.
    This layer copies it only when the capacity is used up, and then increases the capacity by half.
    """

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append positions, and return all keys and values, each (rows, heads, positions, head size)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._key_buffer, self._value_buffer = key_states[:, :, :0], value_states[:, :, :0]
        before = self.get_seq_length()
        after = before + key_states.shape[-2]
        if after > self._key_buffer.shape[-2]:
            capacity = after + max(_MIN_SPARE, after // 2)
            self._key_buffer = pad(self._key_buffer[:, :, :before], (0, 0, 0, capacity - before))
            self._value_buffer = pad(self._value_buffer[:, :, :before], (0, 0, 0, capacity - before))
        self._key_buffer[:, :, before:after] = key_states
        self._value_buffer[:, :, before:after] = value_states
        return self._set_length(after)

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep the rows with these indices. A row may be kept more than once."""
        length = self.get_seq_length()
        self._key_buffer = self._key_buffer[indices]
        self._value_buffer = self._value_buffer[indices]
        self._set_length(length)

    def _set_length(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = self._key_buffer[:, :, :length], self._value_buffer[:, :, :length]
        self.keys, self.values = keys, values
        return keys, values


def preallocated_cache(config: PreTrainedConfig) -> DynamicCache:
    """Return the cache that transformers creates for a model, with preallocated full-attention layers.

    Other kinds of layer (sliding windows, linear attention) are unchanged.
    """
    cache = DynamicCache(config=config)
    for index, layer in enumerate(cache.layers):
        if type(layer) is DynamicLayer:
            cache.layers[index] = PreallocatedLayer()  # type: ignore[no-untyped-call]
    return cache


class BatchState(ABC):
    """The state of a model after the prompts and the tokens so far."""

    def __init__(self, model: PreTrainedModel, input_ids: torch.Tensor, mask: torch.Tensor) -> None:
        self._model = model
        self._input_ids = input_ids
        self._mask = mask
        self._cache = self._new_cache(model.config.get_text_config(decoder=True))

    def _new_cache(self, config: PreTrainedConfig) -> DynamicCache | EncoderDecoderCache:
        return preallocated_cache(config)

    @abstractmethod
    def prefill(self) -> torch.Tensor:
        """Process the prompts, and return logits of shape (rows, vocabulary), float32."""

    @abstractmethod
    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Process one token per row, of shape (rows,), and return the next logits."""

    def keep(self, rows: torch.Tensor) -> None:
        """Keep only the rows with these indices. An index that is given twice makes two rows."""
        self._mask = self._mask[rows]
        self._cache.batch_select_indices(rows)

    def _forward(self, **inputs: object) -> torch.Tensor:
        output = self._model(attention_mask=self._mask, past_key_values=self._cache, use_cache=True, **inputs)
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits


class CausalState(BatchState):
    """State of a decoder-only model. Prompts are padded on the left."""

    def __init__(self, model: PreTrainedModel, input_ids: torch.Tensor, mask: torch.Tensor) -> None:
        super().__init__(model, input_ids, mask)
        parameters = inspect.signature(model.forward).parameters
        # Models without position embeddings (ALiBi) derive positions from the mask.
        self._takes_positions = "position_ids" in parameters
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}

    def prefill(self) -> torch.Tensor:
        self._positions = (self._mask.cumsum(dim=-1) - 1).clamp_(min=0)
        logits = self._continue(self._input_ids)
        self._positions = self._positions[:, -1:]
        return logits

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        self._mask = pad(self._mask, (0, 1), value=1)
        self._positions = self._positions + 1
        return self._continue(tokens[:, None])

    def keep(self, rows: torch.Tensor) -> None:
        super().keep(rows)
        self._positions = self._positions[rows]

    def _continue(self, input_ids: torch.Tensor) -> torch.Tensor:
        positions = {"position_ids": self._positions} if self._takes_positions else {}
        return self._forward(input_ids=input_ids, **positions, **self._options)


class Seq2SeqState(BatchState):
    """State of an encoder-decoder. Prompts are padded on the right."""

    def _new_cache(self, config: PreTrainedConfig) -> EncoderDecoderCache:
        return EncoderDecoderCache(preallocated_cache(config), preallocated_cache(config))

    def prefill(self) -> torch.Tensor:
        encoder = self._model.get_encoder()
        self._encoded = encoder(input_ids=self._input_ids, attention_mask=self._mask).last_hidden_state
        first = self._model.generation_config.decoder_start_token_id
        return self.step(torch.full_like(self._input_ids[:, 0], first))

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        encoded = BaseModelOutput(last_hidden_state=self._encoded)
        return self._forward(encoder_outputs=encoded, decoder_input_ids=tokens[:, None])

    def keep(self, rows: torch.Tensor) -> None:
        super().keep(rows)
        self._encoded = self._encoded[rows]
