"""What replicas do: the figures of a stage's throughput."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rayboot.engines import GenerationResult
from rayboot.engines.base import Usage
from rayboot.pools.actor_pool import ActorPool
from rayboot.values import Frozen

ASK_SECONDS = 5.0
ANSWER_SECONDS = 2.0
"""For figures on the way."""
LAST_ANSWER_SECONDS = 60.0
"""For those that a stage's sum begins or ends with."""


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

    def __sub__(self, other: Throughput) -> Throughput:
        return Throughput(
            **{name: getattr(self, name) - getattr(other, name) for name in Throughput.model_fields}
        )


class ThroughputMeter:
    """Counts what one replica does."""

    def __init__(self, places: int) -> None:
        """Args:
        places: Samples that the replica generates at once.
        """
        self._places = places
        self._total = Throughput()
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

    def total(self, billed: Usage) -> Throughput:
        """The figures since the start. `billed`: the engine's usage since its start."""
        self._change(0)
        return self._total + Throughput(retries=billed.retries, cost=billed.cost)


class ThroughputLedger:
    """The driver's sum of what replicas do in one stage, which outlives them: a new replica begins at 0."""

    def __init__(self, before: Throughput) -> None:
        """Args:
        before: What interrupted runs have spent on the stage.
        """
        self.total = before
        self._pool: ActorPool | None = None
        self._last: dict[int, Throughput] = {}
        self._asked = 0.0

    def follow(self, pool: ActorPool) -> None:
        """Begin to count: what the replicas did before is not the stage's."""
        self._pool, self._asked = pool, time.monotonic()
        self._last = pool.figures("throughput", LAST_ANSWER_SECONDS)

    def update(self, now: bool = False) -> None:
        """Add what is new. Cheap to call often: replicas are asked every few seconds, if not `now`.

        One that does not answer is busy starting anew: figures are worth no waiting.
        """
        if self._pool is None or not (now or time.monotonic() - self._asked > ASK_SECONDS):
            return
        seconds = LAST_ANSWER_SECONDS if now else ANSWER_SECONDS
        for replica, total in self._pool.figures("throughput", seconds).items():
            last = self._last.get(replica, Throughput())
            self.total += total - last if total.requests >= last.requests else total
            self._last[replica] = total
        self._asked = time.monotonic()
