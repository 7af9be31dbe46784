"""Throughput of generation replicas: counts of tokens, requests and seconds per stage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rayboot.engines import GenerationResult
from rayboot.engines.base import Usage
from rayboot.pools.actor_pool import ActorPool
from rayboot.values import Frozen

POLL_SECONDS = 5.0
"""Interval between two polls of the replicas."""
ANSWER_SECONDS = 2.0
"""Longest wait for an answer during a stage."""
LAST_ANSWER_SECONDS = 60.0
"""Longest wait for an answer at the start and at the end of a stage."""


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


class ThroughputLedger:
    """The driver's sum of the replicas' counts in one stage. It survives a replica, whose replacement begins at 0."""

    def __init__(self, before: Throughput) -> None:
        """Args:
        before: Counts of interrupted runs in the same stage.
        """
        self.total = before
        self._pool: ActorPool | None = None
        self._last: dict[int, Throughput] = {}
        self._polled = 0.0

    def follow(self, pool: ActorPool) -> None:
        """Begin to count from the replicas' counts of now."""
        self._pool, self._polled = pool, time.monotonic()
        self._last = pool.poll("throughput", LAST_ANSWER_SECONDS)

    def update(self, now: bool = False) -> None:
        """Add the counts since the last update. Without `now`, replicas are polled every `POLL_SECONDS` at most.

        A replica that does not answer in time, such as one that is restarting, is left out.
        """
        if self._pool is None or not (now or time.monotonic() - self._polled > POLL_SECONDS):
            return
        seconds = LAST_ANSWER_SECONDS if now else ANSWER_SECONDS
        for replica, total in self._pool.poll("throughput", seconds).items():
            last = self._last.get(replica, Throughput())
            self.total += total - last if total.requests >= last.requests else total
            self._last[replica] = total
        self._polled = time.monotonic()
