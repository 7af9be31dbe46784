"""Throughput of generation replicas: counts of tokens, requests and seconds per stage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rayboot.engines import GenerationResult
from rayboot.engines.base import Usage
from rayboot.values import Frozen


class Throughput(Frozen):
    """Counts of one replica, or their sum over N replicas."""

    requests: int = 0
    prompt_tokens: int = 0
    """Tokens of prompts, each prompt counted once whatever its number of samples."""
    cached_tokens: int = 0
    """Prompt tokens that the prefix cache had, over all samples."""
    completion_tokens: int = 0
    aborted: int = 0
    """Completions that were aborted for taking too long."""
    busy_seconds: float = 0.0
    """Time with at least one request in flight, summed over replicas."""
    sample_seconds: float = 0.0
    """Time from request to result, summed over samples. Divided by `busy_seconds`: mean samples in flight."""
    queued_seconds: float = 0.0
    """The part of `sample_seconds` of samples in flight beyond those that the replica generates at once."""
    retries: int = 0
    """Requests that were repeated at a provider."""
    cost: float = 0.0
    """Cost of a provider's tokens, at the recipe's prices."""

    def __add__(self, other: Throughput) -> Throughput:
        return Throughput(
            **{name: getattr(self, name) + getattr(other, name) for name in Throughput.model_fields}
        )

    def __sub__(self, other: Throughput) -> Throughput:
        return Throughput(
            **{name: getattr(self, name) - getattr(other, name) for name in Throughput.model_fields}
        )


class ThroughputMeter:
    """Measures the throughput of one replica."""

    def __init__(self, slots: int) -> None:
        """Args:
        slots: Number of samples that the replica generates at once.
        """
        self._slots = slots
        self._total = Throughput()
        self._in_flight = 0
        self._since = 0.0

    @contextmanager
    def busy(self, samples: int) -> Iterator[None]:
        """Count the block's time for `samples` samples; blocks may overlap."""
        self._change(samples)
        try:
            yield
        finally:
            self._change(-samples)

    def _change(self, by: int) -> None:
        """Count the time since the last change, and change the number of samples in flight."""
        now = time.monotonic()
        if self._in_flight:
            seconds = now - self._since
            self._total += Throughput(
                busy_seconds=seconds,
                sample_seconds=seconds * self._in_flight,
                queued_seconds=seconds * max(0, self._in_flight - self._slots),
            )
        self._in_flight += by
        self._since = now

    def count(self, results: Sequence[GenerationResult]) -> None:
        completions = [completion for result in results for completion in result.completions]
        self._total += Throughput(
            requests=len(results),
            prompt_tokens=sum(result.prompt_tokens for result in results),
            cached_tokens=sum(result.cached_tokens for result in results),
            completion_tokens=sum(completion.tokens for completion in completions),
            aborted=sum(completion.finish_reason == "abort" for completion in completions),
        )

    def total(self, billed: Usage) -> Throughput:
        """Return the counts since the start. `billed`: the engine's usage since its start."""
        self._change(0)
        return self._total + Throughput(retries=billed.retries, cost=billed.cost)
