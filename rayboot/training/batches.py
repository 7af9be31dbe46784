"""Examples to tensors, and the loss of a batch: the same for causal and encoder-decoder models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rayboot.training.examples import IGNORED, Encoded


class Collator:
    """Pads examples on the right to a batch: `input_ids`, `attention_mask` and `labels`, each [batch, longest]."""

    def __init__(
        self,
        pad_token_id: int,
        decoder_inputs: Callable[..., Tensor] | None = None,
        *,
        limits_logits: bool = False,
    ) -> None:
        """Args:
        decoder_inputs: The model's own shift of labels to decoder inputs; None for a causal model.
        limits_logits: Ask a causal model for the logits from the first completion's begin on, and no others: over
            a large vocabulary those of the prompts cost time, and much memory.
        """
        self._pad = pad_token_id
        self._decoder_inputs = decoder_inputs
        self._limits_logits = limits_logits

    def __call__(self, examples: Sequence[Encoded]) -> dict[str, Any]:
        inputs = [example["input_ids"] for example in examples]
        batch: dict[str, Any] = {
            "input_ids": _pad(inputs, self._pad),
            "attention_mask": _pad([[1] * len(ids) for ids in inputs], 0),
            "labels": _pad([example["labels"] for example in examples], IGNORED),
        }
        if self._decoder_inputs is not None:
            batch["decoder_input_ids"] = self._decoder_inputs(labels=batch["labels"])
        if self._limits_logits:
            batch["logits_to_keep"] = _learned_from_the_end(batch["labels"])
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
        """Sum over all tokens. logits: [batch, length or the last of it, vocabulary]; labels: [batch, length]."""
        if self._causal:
            # The logits at a position are those of the token after it.
            logits = logits[:, :-1]
            labels = labels[:, labels.shape[1] - logits.shape[1] :]
        return cross_entropy(
            logits.float().reshape(-1, logits.shape[-1]),
            labels.reshape(-1),
            ignore_index=IGNORED,
            reduction="sum",
        )


def can_limit_logits(model: Any) -> bool:
    """Whether the model, or the one below an adapter, computes logits of the last positions alone when it is told."""
    below = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(below.forward).parameters


def _learned_from_the_end(labels: Tensor) -> int:
    """Positions from the token before the first that is learned to the end: its logits are that token's."""
    learned = (labels != IGNORED).any(dim=0).nonzero()
    first = int(learned[0]) if len(learned) else labels.shape[1] - 1
    return labels.shape[1] - max(first - 1, 0)


def _pad(rows: list[list[int]], filler: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])
