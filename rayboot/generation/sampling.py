"""How the next token is chosen from the logits, so that a completion depends on its own seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from rayboot.generation.base import SamplingParams


class Chooser(Protocol):
    """Chooses each row's next token; called once a step."""

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits of shape (rows, vocabulary) to tokens of shape (rows,)."""

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows only, given by their indices."""


class Greedy:
    """The likeliest token."""

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.argmax(dim=-1)

    def keep(self, rows: torch.Tensor) -> None:
        """Rows have no state."""


class SeededSampler:
    """Draws by inverting each row's cumulative distribution at a uniform number.

    The uniform numbers of a row are a function of its seed, drawn ahead: they depend neither on the other rows of
    the batch nor on its size, and one number a step is all the randomness there is. Temperature is applied before
    top_p, as in vLLM. Seeds are not negative.
    """

    def __init__(self, seeds: Sequence[int], params: Sequence[SamplingParams], device: torch.device) -> None:
        steps = max(each.max_tokens for each in params)
        # numpy's generators use all bits of a seed; torch's on the CPU only the lower 32.
        uniforms = np.stack([np.random.default_rng(seed).random(steps) for seed in seeds])
        self._uniforms = torch.from_numpy(uniforms).to(device)
        self._temperature = torch.tensor([[each.temperature] for each in params], device=device)
        self._top_p = torch.tensor([[each.top_p] for each in params], dtype=torch.float64, device=device)
        self._filters = any(each.top_p < 1 for each in params)
        self._step = 0

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        probabilities = torch.softmax((logits / self._temperature).double(), dim=-1)
        if self._filters:
            probabilities = keep_nucleus(probabilities, self._top_p)
        uniforms = self._uniforms[:, self._step]
        self._step += 1
        return invert(probabilities, uniforms)

    def keep(self, rows: torch.Tensor) -> None:
        self._uniforms = self._uniforms[rows]
        self._temperature = self._temperature[rows]
        self._top_p = self._top_p[rows]


def keep_nucleus(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Zero what lies outside each row's nucleus: the fewest tokens, likeliest first, that hold `top_p` of the mass.

    Shapes: (rows, vocabulary) and (rows, 1). Holtzman et al. 2020, section 3.1. Rows are not normalised again.
    """
    ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    mass_before = ordered.cumsum(dim=-1) - ordered
    # A row with top_p = 1 keeps all: rounding must not cut its tail.
    kept = torch.where((mass_before < top_p) | (top_p >= 1), ordered, 0.0)
    return torch.zeros_like(probabilities).scatter_(1, tokens, kept)


def invert(probabilities: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """The token at which each row's cumulative probability passes its uniform number in [0, 1).

    Shapes: (rows, vocabulary), (rows,) -> (rows,). Rows need not sum to one.
    """
    cumulative = probabilities.cumsum(dim=-1)
    thresholds = uniforms[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, thresholds, right=True)[:, 0]
    return tokens.clamp_(max=probabilities.shape[-1] - 1)
