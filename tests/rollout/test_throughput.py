"""Throughput of a replica."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rayboot.config import GenerationConfig
from rayboot.engines import GenerationRequest, SamplingParams
from rayboot.pools.replica import GenerationReplica, Weights


async def test_a_replica_measures_how_long_samples_were_in_flight_and_queued(tmp_path: Path) -> None:
    recording = tmp_path / "recording.jsonl"
    recording.write_text('{"completions": ["two words"]}\n')
    replica = GenerationReplica(
        GenerationConfig(engine="recorded", recording=str(recording), batch_size=2, latency=0.1), ""
    )

    async def ask(samples: int) -> None:
        request = GenerationRequest(prompt="p", seeds=tuple(range(samples)), params=SamplingParams())
        await replica.generate([request], Weights(checkpoint="", version=0))

    await ask(2)
    alone = await replica.throughput()
    assert alone.busy_seconds >= 0.1
    assert alone.sample_seconds == pytest.approx(2 * alone.busy_seconds)
    assert alone.queued_seconds == 0

    await asyncio.gather(ask(2), ask(2))  # four samples, then two
    together = await replica.throughput() - alone
    assert (together.requests, together.completion_tokens) == (2, 8)
    assert 2 * together.busy_seconds < together.sample_seconds < 4 * together.busy_seconds
    assert together.queued_seconds == pytest.approx(together.sample_seconds - 2 * together.busy_seconds)
