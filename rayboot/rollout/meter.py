"""What a replica has done since it was last asked: the figures of a stage's throughput."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rayboot.generation import GenerationResult
from rayboot.generation.usage import Usage
from rayboot.problems.types import Frozen


class Throughput(Frozen):
    """Tokens and seconds of one replica, or of several together."""

    requests: int = 0
    prompt_tokens: int = 0
    """Of prompts, counted once however many samples were drawn."""
    cached_tokens: int = 0
    """Prompt tokens that were not computed again, over all samples."""
    completion_tokens: int = 0
    aborted: int = 0
    """Completions that took too long."""
    busy_seconds: float = 0.0
    """Time in which a request was under way, over all replicas."""
    sample_seconds: float = 0.0
    """Time of all samples together, from their request to its result: over `busy_seconds`, how many were under way."""
    queued_seconds: float = 0.0
    """The part of it in which more samples were under way than the replica generates at once."""
    retries: int = 0
    """Requests that a provider was asked again."""
    cost: float = 0.0
    """What a provider's tokens cost, at the recipe's prices."""

    def __add__(self, other: Throughput) -> Throughput:
        return Throughput(
            **{name: getattr(self, name) + getattr(other, name) for name in Throughput.model_fields}
        )


class ThroughputMeter:
    """Counts what one replica does."""

    def __init__(self, places: int) -> None:
        """Args:
        places: Samples that the replica generates at once.
        """
        self._places = places
        self._total = Throughput()
        self._billed = Usage()
        self._under_way = 0
        self._since = 0.0

    @contextmanager
    def busy(self, samples: int) -> Iterator[None]:
        """Count the time as that of so many samples, beside those of other calls."""
        self._change(samples)
        try:
            yield
        finally:
            self._change(-samples)

    def _change(self, by: int) -> None:
        """Count the time since the last change, and change the number of samples under way."""
        now = time.monotonic()
        if self._under_way:
            seconds = now - self._since
            self._total += Throughput(
                busy_seconds=seconds,
                sample_seconds=seconds * self._under_way,
                queued_seconds=seconds * max(0, self._under_way - self._places),
            )
        self._under_way += by
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

    def take(self, billed: Usage) -> Throughput:
        """The figures since the last time. `billed`: the engine's usage since its start."""
        asked = Throughput(
            retries=billed.retries - self._billed.retries, cost=billed.cost - self._billed.cost
        )
        total, self._total, self._billed = self._total + asked, Throughput(), billed
        return total
