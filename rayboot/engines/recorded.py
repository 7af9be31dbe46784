"""The `recorded` engine: completions from a file, for tests and for benchmarks of the pipeline.

The recording is a JSONL file. Each row has the completions of a request, which it identifies by its tag (the attempt's
id without its sample) or its whole prompt, or of all other requests:

    {"tag": "MBPP/11/0", "completions": ["def f(x): ...", "def f(x): ..."]}
    {"prompt": "Write a function ...", "completions": ["def f(x): ..."]}
    {"completions": ["def f(x): ...", "def g(x): ..."]}

Sample i of an identified request gets completion i modulo their number. Any other request draws from the rows without
tag and prompt, by its seeds. A row with the tag takes precedence over one with the prompt. Tokens are words, separated
by whitespace. Sampling options and stop strings have no effect.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from math import exp
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from rayboot.config import GenerationConfig
from rayboot.engines.base import Completion, GenerationRequest, GenerationResult
from rayboot.errors import UserError
from rayboot.values import Frozen


class RecordedRow(Frozen):
    """One line of a recording: the completions of a request."""

    tag: str | None = None
    prompt: str | None = None
    completions: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_one_key(self) -> RecordedRow:
        if self.tag is not None and self.prompt is not None:
            raise ValueError("give either tag or prompt, or neither for all other requests")
        return self


def count_words(text: str) -> int:
    """Return the number of tokens, which are words separated by whitespace."""
    return len(text.split())


class RecordedEngine:
    """A `Generator` with a model's latency: `batch_size` completions at once, each with its own duration."""

    def __init__(self, config: GenerationConfig, recording: str) -> None:
        self._recording = recording
        self._by_tag: dict[str, tuple[str, ...]] = {}
        self._by_prompt: dict[str, tuple[str, ...]] = {}
        self._unnamed: list[str] = []
        for row in read_recording(recording):
            if row.tag is not None:
                self._by_tag[row.tag] = row.completions
            elif row.prompt is not None:
                self._by_prompt[row.prompt] = row.completions
            else:
                self._unnamed += row.completions
        self._latency, self._spread = config.latency, config.latency_spread
        self._slots = asyncio.Semaphore(config.batch_size)
        self.version = 0

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Replay the requests. Raise UserError if the recording has nothing for one of them."""
        results = [
            GenerationResult(
                completions=tuple(
                    Completion(text=text, tokens=count_words(text), finish_reason="stop")
                    for text in self._texts(request)
                ),
                prompt_tokens=count_words(request.prompt),
                version=self.version,
            )
            for request in requests
        ]
        if self._latency:
            seeds = [seed for request in requests for seed in request.seeds]
            await asyncio.gather(*map(self._wait_latency, seeds))
        return results

    def _texts(self, request: GenerationRequest) -> list[str]:
        named = self._by_tag.get(request.tag) or self._by_prompt.get(request.prompt)
        if named is not None:
            return [named[sample % len(named)] for sample in range(len(request.seeds))]
        if self._unnamed:
            return [self._unnamed[seed % len(self._unnamed)] for seed in request.seeds]
        raise UserError(
            f"recording {self._recording} has no completions for the tag {request.tag!r}, nor for its prompt"
        )

    async def _wait_latency(self, seed: int) -> None:
        """Occupy a slot of the batch for the completion's duration."""
        async with self._slots:
            await asyncio.sleep(completion_seconds(seed, self._latency, self._spread))

    async def publish(self, checkpoint: str, version: int) -> None:
        """Set the version; a recording has no weights."""
        self.version = version

    async def close(self) -> None:
        """Do nothing: there are no resources."""


def completion_seconds(seed: int, latency: float, spread: float) -> float:
    """Return the duration of the completion with this seed: a lognormal draw with mean `latency`."""
    return latency * exp(random.Random(seed).gauss(-(spread**2) / 2, spread))


def read_recording(path: str) -> Iterator[RecordedRow]:
    """Yield the rows of a recording. Raise UserError unless it is a file in the module's format."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"recording {path} cannot be read: {error}") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield RecordedRow.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UserError(
                f"recording {path}, line {number}: {where + ': ' if where else ''}{first['msg']}; "
                'expected {"tag": ..., "completions": [...]}, {"prompt": ..., "completions": [...]} or, for all '
                'other requests, {"completions": [...]}'
            ) from error
