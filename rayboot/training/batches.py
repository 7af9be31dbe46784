"""Examples to tensors, and the loss of a batch: the same for causal and encoder-decoder models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rayboot.training.examples import IGNORED, Encoded


class Collator:
    """Pads examples on the right to a batch: `input_ids`, `attention_mask` and `labels`, each [batch, longest]."""

    def __init__(self, pad_token_id: int, decoder_inputs: Callable[..., Tensor] | None) -> None:
        """`decoder_inputs`: the model's own shift of labels to decoder inputs; None for a causal model."""
        self._pad = pad_token_id
        self._decoder_inputs = decoder_inputs

    def __call__(self, examples: Sequence[Encoded]) -> dict[str, Tensor]:
        inputs = [example["input_ids"] for example in examples]
        batch = {
            "input_ids": _pad(inputs, self._pad),
            "attention_mask": _pad([[1] * len(ids) for ids in inputs], 0),
            "labels": _pad([example["labels"] for example in examples], IGNORED),
        }
        if self._decoder_inputs is not None:
            batch["decoder_input_ids"] = self._decoder_inputs(labels=batch["labels"])
        return batch


class CompletionLoss:
    """Cross entropy of the completions' tokens, in nats.

    Summed over the batch and divided by the tokens of the whole optimizer step, so that a token weighs the same
    however a step is divided into micro-batches and workers.
    """

    def __init__(self, *, causal: bool) -> None:
        self._causal = causal

    def __call__(self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int) -> Tensor:
        return self.total(outputs.logits, labels) / num_items_in_batch

    def total(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Sum over all tokens. logits: [batch, length, vocabulary]; labels: [batch, length]."""
        if self._causal:
            # The logits at a position are those of the token after it.
            logits, labels = logits[:, :-1], labels[:, 1:]
        return cross_entropy(
            logits.float().reshape(-1, logits.shape[-1]),
            labels.reshape(-1),
            ignore_index=IGNORED,
            reduction="sum",
        )


def _pad(rows: list[list[int]], filler: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])
