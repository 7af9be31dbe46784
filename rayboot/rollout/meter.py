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

    def __init__(self) -> None:
        self._total = Throughput()
        self._billed = Usage()
        self._under_way = 0
        self._began = 0.0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the time as busy, once however many calls overlap."""
        if not self._under_way:
            self._began = time.monotonic()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._total += Throughput(busy_seconds=time.monotonic() - self._began)

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
