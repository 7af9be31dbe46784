from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rayboot.engines import Completion, SamplingParams
from rayboot.engines.transformers.batching import BatchQueue, BatchRunner, PendingSequence

GREEDY = SamplingParams()


def sequence(length: int, params: SamplingParams = GREEDY) -> PendingSequence:
    return PendingSequence([0] * length, seed=length, params=params, future=asyncio.Future())


def lengths(batch: list[PendingSequence]) -> list[int]:
    return [len(each.prompt_ids) for each in batch]


async def test_a_batch_has_the_oldest_sequence_and_those_nearest_in_length() -> None:
    queue = BatchQueue(batch_size=3)
    queue.add([sequence(length) for length in (50, 10, 90, 48, 12, 53)])
    assert lengths(queue.take()) == [50, 48, 53]
    assert lengths(queue.take()) == [10, 12, 90]
    assert len(queue) == 0


async def test_no_sequence_starves_while_better_fits_arrive() -> None:
    queue = BatchQueue(batch_size=2)
    queue.add([sequence(10), sequence(500), sequence(10), sequence(10)])
    queue.take()
    queue.add([sequence(10)] * 5)
    assert 500 in lengths(queue.take())


async def test_a_batch_holds_one_group() -> None:
    sampled = SamplingParams(temperature=0.5)
    queue = BatchQueue(batch_size=8)
    queue.add([sequence(1), sequence(2, sampled), sequence(3, SamplingParams(stop=("x",))), sequence(4)])
    assert lengths(queue.take()) == [1, 4]
    assert lengths(queue.take()) == [2]
    assert lengths(queue.take()) == [3]


async def test_temperatures_and_limits_share_a_batch() -> None:
    queue = BatchQueue(batch_size=8)
    queue.add([sequence(1, SamplingParams(temperature=t, max_tokens=m)) for t, m in ((0.5, 9), (0.8, 20))])
    assert len(queue.take()) == 2


async def test_beams_count_as_sequences() -> None:
    queue = BatchQueue(batch_size=8)
    queue.add([sequence(1, SamplingParams(num_beams=3)) for _ in range(5)])
    assert [len(queue.take()) for _ in range(3)] == [2, 2, 1]


class Recorder:
    """Records batches and answers them. A batch blocks until `go` is set."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.started = threading.Event()
        self.go = threading.Event()

    def __call__(self, batch: list[PendingSequence]) -> list[Completion]:
        self.batches.append(len(batch))
        self.started.set()
        assert self.go.wait(10)
        if any(len(each.prompt_ids) == 13 for each in batch):
            raise RuntimeError("unlucky")
        return [Completion(text=str(each.seed), tokens=1, finish_reason="stop") for each in batch]


@pytest.fixture
async def thread() -> AsyncIterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_sequences_that_arrive_during_a_batch_form_the_next(thread: ThreadPoolExecutor) -> None:
    recorder = Recorder()
    runner = BatchRunner(recorder, 16, thread)
    first = sequence(1)
    runner.submit([first])
    await asyncio.to_thread(recorder.started.wait, 10)
    later = [sequence(length) for length in range(2, 12)]
    for each in later:
        runner.submit([each])
        await asyncio.sleep(0)
    recorder.go.set()
    texts = [(await each.future).text for each in (first, *later)]
    assert texts == [str(number) for number in range(1, 12)]
    assert recorder.batches == [1, 10]


async def test_an_error_goes_to_its_batch_and_the_next_one_runs(thread: ThreadPoolExecutor) -> None:
    recorder = Recorder()
    recorder.go.set()
    runner = BatchRunner(recorder, 1, thread)
    bad, good = sequence(13), sequence(2)
    runner.submit([bad, good])
    with pytest.raises(RuntimeError, match="unlucky"):
        await bad.future
    assert (await good.future).text == "2"


async def test_drain_waits_for_all_submitted_sequences(thread: ThreadPoolExecutor) -> None:
    recorder = Recorder()
    recorder.go.set()
    runner = BatchRunner(recorder, 2, thread)
    waiting = [sequence(length) for length in range(1, 8)]
    runner.submit(waiting)
    await runner.drain()
    assert all(each.future.done() for each in waiting)


async def test_cancelled_sequences_are_not_generated(thread: ThreadPoolExecutor) -> None:
    recorder = Recorder()
    recorder.go.set()
    runner = BatchRunner(recorder, 8, thread)
    cancelled, wanted = sequence(1), sequence(2)
    cancelled.future.cancel()
    runner.submit([cancelled, wanted])
    await wanted.future
    assert recorder.batches == [1]
