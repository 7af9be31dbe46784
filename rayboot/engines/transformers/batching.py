"""Batches of requests that arrive over time: a queue of sequences, and the worker that processes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rayboot.engines.base import Completion, SamplingParams

_LINGER_SECONDS, _LINGER_STEPS = 0.005, 10


@dataclass(eq=False)
class PendingSequence:
    """A completion to generate: a prompt with one seed."""

    prompt_ids: list[int]
    seed: int
    params: SamplingParams
    future: asyncio.Future[Completion]

    @property
    def group(self) -> tuple[object, ...]:
        """Key of the sequences that may share a batch.

        Temperature, top_p and max_tokens may differ by row, except that a beam search needs equal max_tokens, which
        affect its ranking.
        """
        params = self.params
        beams = (params.num_beams, params.max_tokens) if params.num_beams > 1 else (1, 0)
        return (*beams, params.temperature > 0, params.stop)


class BatchQueue:
    """Waiting sequences. The oldest one determines the next batch, so that none starves."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._waiting: list[PendingSequence] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, sequences: Sequence[PendingSequence]) -> None:
        self._waiting.extend(sequences)

    def take(self) -> list[PendingSequence]:
        """Remove and return the next batch: the oldest sequence, and those of its group nearest to it in length.

        A beam counts as a sequence: a beam search takes `batch_size // num_beams` prompts, at least one.
        """
        oldest = self._waiting[0]
        rows = max(1, self.batch_size // oldest.params.num_beams)
        group = [sequence for sequence in self._waiting if sequence.group == oldest.group]
        length = len(oldest.prompt_ids)
        # The sort is stable: sequences of equal length stay in order of arrival.
        batch = sorted(group, key=lambda sequence: abs(len(sequence.prompt_ids) - length))[:rows]
        taken = set(batch)
        self._waiting = [sequence for sequence in self._waiting if sequence not in taken]
        return batch


class BatchRunner:
    """Runs `generate_batch` on the waiting sequences, one batch at a time, in another thread.

    The event loop stays free while the model computes. Calls that arrive meanwhile form the next batch.
    """

    def __init__(
        self,
        generate_batch: Callable[[list[PendingSequence]], list[Completion]],
        batch_size: int,
        thread: ThreadPoolExecutor,
    ) -> None:
        self._generate_batch = generate_batch
        self._queue = BatchQueue(batch_size)
        self._thread = thread
        self._task: asyncio.Task[None] | None = None

    def submit(self, sequences: Sequence[PendingSequence]) -> None:
        """Queue sequences. Their futures get the completions, or the exception of their batch."""
        self._queue.add(sequences)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._process_queue())

    async def drain(self) -> None:
        """Wait until nothing is queued and nothing runs."""
        if self._task is not None:
            await self._task

    async def _process_queue(self) -> None:
        while len(self._queue):
            await self._linger()
            batch = [sequence for sequence in self._queue.take() if not sequence.future.done()]
            if batch:
                await self._run(batch)

    async def _linger(self) -> None:
        """Wait briefly for further requests: a batch takes hundreds of milliseconds, however small."""
        before = 0
        for _ in range(_LINGER_STEPS):
            if not before < len(self._queue) < self._queue.batch_size:
                break
            before = len(self._queue)
            await asyncio.sleep(_LINGER_SECONDS)

    async def _run(self, batch: list[PendingSequence]) -> None:
        loop = asyncio.get_running_loop()
        try:
            completions = await loop.run_in_executor(self._thread, self._generate_batch, batch)
        except Exception as error:
            # Any error belongs to the callers; the worker continues with the next batch.
            for sequence in batch:
                if not sequence.future.done():
                    sequence.future.set_exception(error)
            return
        for sequence, completion in zip(batch, completions, strict=True):
            if not sequence.future.done():
                sequence.future.set_result(completion)
