"""The rows of a batch on their way through a model: one step gives each row's next logits; rows can leave."""

from __future__ import annotations

import inspect
from typing import Protocol

import torch
from transformers import EncoderDecoderCache, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from rayboot.generation.cache import roomy_cache


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
