"""A key-value cache that grows in place."""

from __future__ import annotations

import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer

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
