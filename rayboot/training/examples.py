"""Training examples: read from Parquet, and turned into token ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import pyarrow.parquet as pq

from rayboot.errors import UserError

IGNORED = -100
"""Label of a position that nothing is learned from, as torch's cross entropy has it."""

COLUMNS = ["prompt", "completion"]


class Encoded(TypedDict):
    """Token ids of one example. For a causal model both lists have the same length."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class EncodedSet:
    examples: list[Encoded]
    dropped: int
    """Examples left out because they were too long."""
    tokens: int
    """Tokens to learn, over all examples."""


def parquet_files(folder: str) -> list[Path]:
    """The files of a set, in the order in which they are read.

    Raises:
        UserError: No such folder, no Parquet file in it, a file that is none, or a column missing.
    """
    files = sorted(Path(folder).glob("*.parquet"))
    if not files:
        raise UserError(f"{folder}: a folder with Parquet files (*.parquet) was expected, and there are none")
    for file in files:
        try:
            schema = pq.read_schema(file)
        except Exception as error:
            raise UserError(f"{file}: not a readable Parquet file: {error}") from error
        missing = [column for column in COLUMNS if column not in schema.names]
        if missing:
            raise UserError(
                f"{file}: no column {' and '.join(missing)}; the columns are {', '.join(schema.names)}"
            )
    return files


def count_rows(files: list[Path]) -> int:
    return sum(pq.read_metadata(file).num_rows for file in files)


def read_pairs(files: list[Path]) -> list[tuple[str, str]]:
    """Prompt and completion of every example, in the stored order."""
    pairs: list[tuple[str, str]] = []
    for file in files:
        table = pq.read_table(file, columns=COLUMNS)
        pairs += zip(*(table.column(column).to_pylist() for column in COLUMNS), strict=True)
    return pairs


class Encoder:
    """Turns examples into token ids, with the boundary between prompt and completion where generation has it.

    Prompt and completion are tokenised apart, because the model will see the prompt's own tokens and go on
    from there; tokenising them as one text can merge across the boundary.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        encoder_decoder: bool,
        max_prompt_tokens: int,
        max_completion_tokens: int,
        max_tokens: int | None,
    ) -> None:
        """`max_tokens`: the model's context, for prompt and completion together; None where there is no limit."""
        self._tokenizer = tokenizer
        self._encoder_decoder = encoder_decoder
        self._max_prompt_tokens = max_prompt_tokens
        self._max_completion_tokens = max_completion_tokens
        self._max_tokens = max_tokens

    def encode(self, pairs: list[tuple[str, str]]) -> EncodedSet:
        """Encode the examples in order. Those that are too long are left out: never cut, never silent."""
        examples: list[Encoded] = []
        tokens = dropped = 0
        for prompt, completion in pairs:
            prompt_ids: list[int] = self._tokenizer(prompt)["input_ids"]
            completion_ids: list[int] = self._tokenizer(completion, add_special_tokens=False)["input_ids"]
            completion_ids = [*completion_ids, self._tokenizer.eos_token_id]
            if self._fits(len(prompt_ids), len(completion_ids)):
                examples.append(self._join(prompt_ids, completion_ids))
                tokens += len(completion_ids)
            else:
                dropped += 1
        return EncodedSet(examples=examples, dropped=dropped, tokens=tokens)

    def _fits(self, prompt: int, completion: int) -> bool:
        return (
            prompt <= self._max_prompt_tokens
            and completion <= self._max_completion_tokens
            and (self._max_tokens is None or prompt + completion <= self._max_tokens)
        )

    def _join(self, prompt: list[int], completion: list[int]) -> Encoded:
        if self._encoder_decoder:
            return Encoded(input_ids=prompt, labels=completion)
        return Encoded(input_ids=prompt + completion, labels=[IGNORED] * len(prompt) + completion)
