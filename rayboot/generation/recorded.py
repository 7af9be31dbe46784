"""The `recorded` engine: completions from a file, for tests and for benchmarks of the pipeline.

The recording is a JSONL file. Each row names a request by its tag (the attempt's id without its sample) or by its
whole prompt, and lists its completions:

    {"tag": "MBPP/11/0", "completions": ["def f(x): ...", "def f(x): ..."]}
    {"prompt": "Write a function ...", "completions": ["def f(x): ..."]}

Sample i of a request gets completion i modulo their number. A row for the tag wins over one for the prompt. Tokens
are words, separated by whitespace; seeds, sampling and stop strings have no effect on a recording.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from rayboot.errors import UserError
from rayboot.generation.base import Completion, GenerationRequest, GenerationResult
from rayboot.problems.types import Frozen


class RecordedRow(Frozen):
    """One line of a recording: the completions of one request."""

    tag: str | None = None
    prompt: str | None = None
    completions: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_one_key(self) -> RecordedRow:
        if (self.tag is None) == (self.prompt is None):
            raise ValueError("give either tag or prompt")
        return self


def count_words(text: str) -> int:
    """Tokens of a recording are words, separated by whitespace."""
    return len(text.split())


class RecordedEngine:
    """A `Generator` that answers every request `latency` seconds after it came; requests overlap freely."""

    def __init__(self, recording: str, latency: float = 0.0) -> None:
        rows = read_recording(recording)
        self._by_tag = {row.tag: row.completions for row in rows if row.tag is not None}
        self._by_prompt = {row.prompt: row.completions for row in rows if row.prompt is not None}
        self._recording = recording
        self._latency = latency
        self._version = 0

    @property
    def version(self) -> int:
        return self._version

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Replay the requests.

        Raises:
            UserError: The recording has neither a request's tag nor its prompt.
        """
        results = [self._replay(request) for request in requests]
        await asyncio.sleep(self._latency)
        return results

    async def publish(self, checkpoint: str, version: int) -> None:
        """Take the version; a recording has no weights."""
        self._version = version

    async def close(self) -> None:
        """Nothing to give back."""

    def _replay(self, request: GenerationRequest) -> GenerationResult:
        texts = self._by_tag.get(request.tag) or self._by_prompt.get(request.prompt)
        if texts is None:
            raise UserError(
                f"recording {self._recording} has no completions for the tag {request.tag!r}, nor for its prompt"
            )
        samples = (texts[sample % len(texts)] for sample in range(len(request.seeds)))
        return GenerationResult(
            completions=tuple(
                Completion(text=text, tokens=count_words(text), finish_reason="stop") for text in samples
            ),
            prompt_tokens=count_words(request.prompt),
            version=self._version,
        )


def read_recording(path: str) -> list[RecordedRow]:
    """Read a recording.

    Raises:
        UserError: There is no such file, or a line is not as the module's docstring says.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"recording {path} cannot be read: {error}") from error
    return [_read_row(path, number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _read_row(path: str, number: int, line: str) -> RecordedRow:
    try:
        return RecordedRow.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"recording {path}, line {number}: {where + ': ' if where else ''}{first['msg']}; "
            'right is {"tag": ..., "completions": [...]} or {"prompt": ..., "completions": [...]}'
        ) from error
