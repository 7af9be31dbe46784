"""The rows of a batch on their way through a model, over a key-value cache that grows in place."""

from __future__ import annotations

import inspect
from typing import Protocol

import torch
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import DynamicLayer
from transformers.modeling_outputs import BaseModelOutput

_LEAST_ROOM = 64


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer's keys and values, with room for those to come.

    `DynamicLayer` copies the whole cache at every step to add one position; for a small model that is half of the
    time. This layer copies it only when the room is used up, and then makes room for half as much again.
    """

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add positions; returns all keys and values, each (rows, heads, positions, head size)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._key_room, self._value_room = key_states[:, :, :0], value_states[:, :, :0]
        before = self.get_seq_length()
        after = before + key_states.shape[-2]
        if after > self._key_room.shape[-2]:
            room = after + max(_LEAST_ROOM, after // 2)
            self._key_room = _with_room(self._key_room[:, :, :before], room)
            self._value_room = _with_room(self._value_room[:, :, :before], room)
        self._key_room[:, :, before:after] = key_states
        self._value_room[:, :, before:after] = value_states
        return self._show(after)

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep some rows, or the same row several times."""
        length = self.get_seq_length()
        self._key_room = self._key_room[indices]
        self._value_room = self._value_room[indices]
        self._show(length)

    def _show(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = self._key_room[:, :, :length], self._value_room[:, :, :length]
        self.keys, self.values = keys, values
        return keys, values


def roomy_cache(config: PreTrainedConfig) -> DynamicCache:
    """The cache that transformers makes for a model, its full-attention layers growing in place.

    Other kinds of layer (sliding windows, linear attention) stay as they are.
    """
    cache = DynamicCache(config=config)
    for place, layer in enumerate(cache.layers):
        if type(layer) is DynamicLayer:
            cache.layers[place] = RoomyLayer()  # type: ignore[no-untyped-call]
    return cache


def _with_room(states: torch.Tensor, room: int) -> torch.Tensor:
    roomy = states.new_empty(*states.shape[:2], room, states.shape[-1])
    roomy[:, :, : states.shape[-2]] = states
    return roomy


class Rows(Protocol):
    """Prompts that were read, and the state of the model behind them."""

    def start(self) -> torch.Tensor:
        """Read the prompts; returns logits of shape (rows, vocabulary), float32."""

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Read one token a row, of shape (rows,); returns the logits of the next."""

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows only, given by their indices; an index given twice makes two rows."""


class CausalRows:
    """A decoder-only model over prompts that are padded on the left."""

    def __init__(self, model: PreTrainedModel, input_ids: torch.Tensor, mask: torch.Tensor) -> None:
        self._model = model
        self._input_ids = input_ids
        self._mask = mask
        self._cache = roomy_cache(model.config.get_text_config(decoder=True))
        accepted = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}

    def start(self) -> torch.Tensor:
        self._positions = (self._mask.cumsum(dim=-1) - 1).clamp_(min=0)
        logits = self._forward(self._input_ids)
        self._positions = self._positions[:, -1:]
        return logits

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        self._positions = self._positions + 1
        return self._forward(tokens[:, None])

    def keep(self, rows: torch.Tensor) -> None:
        self._mask = self._mask[rows]
        self._positions = self._positions[rows]
        self._cache.batch_select_indices(rows)

    def _forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        # Models without position embeddings (ALiBi) read positions off the mask.
        positions = {"position_ids": self._positions} if self._takes_positions else {}
        output = self._model(
            input_ids=input_ids,
            attention_mask=self._mask,
            past_key_values=self._cache,
            use_cache=True,
            **positions,
            **self._options,
        )
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits


class Seq2SeqRows:
    """An encoder-decoder over prompts that are padded on the right."""

    def __init__(self, model: PreTrainedModel, input_ids: torch.Tensor, mask: torch.Tensor) -> None:
        self._model = model
        self._input_ids = input_ids
        self._mask = mask
        config = model.config.get_text_config(decoder=True)
        self._cache = EncoderDecoderCache(roomy_cache(config), roomy_cache(config))

    def start(self) -> torch.Tensor:
        encoder = self._model.get_encoder()
        self._encoded = encoder(input_ids=self._input_ids, attention_mask=self._mask).last_hidden_state
        first = self._model.generation_config.decoder_start_token_id
        return self.step(torch.full_like(self._input_ids[:, 0], first))

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        output = self._model(
            encoder_outputs=BaseModelOutput(last_hidden_state=self._encoded),
            attention_mask=self._mask,
            decoder_input_ids=tokens[:, None],
            past_key_values=self._cache,
            use_cache=True,
        )
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def keep(self, rows: torch.Tensor) -> None:
        self._mask = self._mask[rows]
        self._encoded = self._encoded[rows]
        self._cache.batch_select_indices(rows)


def start_rows(model: PreTrainedModel, input_ids: torch.Tensor, mask: torch.Tensor) -> Rows:
    """The rows of a batch, for a model of either kind."""
    kind = Seq2SeqRows if model.config.is_encoder_decoder else CausalRows
    return kind(model, input_ids, mask)
