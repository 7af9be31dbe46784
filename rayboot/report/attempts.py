"""The attempts on the page: whole problems, up to a limit of the page's size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.prompts.feedback import cut_middle
from rayboot.report.read import RunRecord
from rayboot.report.words import shared_start

BUDGET = 3_000_000
"""Most characters of JSON for all runs of a page, which keeps the page well below 5 MB."""
CANDIDATES = 1500
"""Most problems whose attempts are read; more never fit."""
SAMPLES = 4
"""Most chains of a problem in one iteration."""
LONGEST = 6000
"""Most characters of one text; the middle of longer ones is cut."""

NUMBERS = ("round", "prompt_tokens", "completion_tokens", "failing_test", "line", "wall_seconds")
TEXTS = ("status", "error_type", "message", "call", "got", "expected", "stdout", "finish_reason")
COLUMNS = ("problem_id", "split", "sample", "prompt", "program", "completion", *NUMBERS, *TEXTS)
ATTEMPT = (*NUMBERS, *TEXTS, "program", "told")
"""Fields of an attempt on the page: columns of a row, the program (or else the completion), and the feedback in the
prompt (`told`)."""
CHAIN = ("run", "iteration", "split", "problem", "sample", "prompt")


Row = Mapping[str, object]
"""A row of an attempts file."""


class SampledAttempts(NamedTuple):
    """Chains on the page, as JSON with every field name and every text once."""

    data: Mapping[str, Sequence[object]]
    chains: int
    left_out: int


def sample_attempts(runs: Sequence[RunRecord], first: Iterable[str], budget: int = BUDGET) -> SampledAttempts:
    """Choose whole problems, each with the attempts of all iterations and runs.

    Args:
        first: Ids of problems to take before others, such as the hardest. The order of the others is pseudo-random,
            and the same for all runs and pages.
        budget: Most characters of JSON.
    """
    available = {chain.problem_id for run in runs for chain in run.chains}
    leading = [id for id in dict.fromkeys(first) if id in available]
    ids = [*leading, *sorted(available.difference(leading), key=_shuffle_key)][:CANDIDATES]
    rows_of = _read(runs, ids)
    texts = _TextTable()
    chosen: list[list[object]] = []
    size = 0
    for id in ids:
        of_problem = [_chain(*chain, texts) for chain in rows_of.get(id, [])]
        size += len(json.dumps(of_problem))
        if size + texts.size > budget:
            break
        chosen += of_problem
    data = {
        "runs": [run.label for run in runs],
        "chain": CHAIN,
        "attempt": ATTEMPT,
        "chains": chosen,
        "texts": texts.texts,
    }
    total = sum(len(run.chains) for run in runs)
    return SampledAttempts(data, chains=len(chosen), left_out=total - len(chosen))


def repair_feedback(prompt: str, first_prompt: str, program: str) -> str:
    """Return the part of a repair prompt after the wrong program.

    If the prompt holds only the beginning of the program, return the part after the first prompt and that beginning.
    """
    stripped = program.strip()
    # A program may begin with the end of the first prompt: the starter code that a completion continues.
    start = prompt.find(stripped, max(0, len(first_prompt) - len(stripped))) if stripped else -1
    if start >= 0:
        return prompt[start + len(stripped) :].strip("\n")
    tail = max(prompt.removeprefix(first_prompt), prompt, key=lambda text: shared_start([text, stripped]))
    return tail[shared_start([tail, stripped]) :].strip("\n")


def _read(runs: Sequence[RunRecord], ids: Sequence[str]) -> dict[str, list[tuple[int, int, list[Row]]]]:
    """Return the run's number, the iteration and the rows of each chain, by problem; iterations are in order."""
    chains: dict[str, list[tuple[int, int, list[Row]]]] = {id: [] for id in ids}
    where = pc.field("problem_id").isin(pa.array(ids, pa.string())) & (pc.field("sample") < SAMPLES)
    for number, run in enumerate(runs):
        for iteration, table in run.attempts(COLUMNS, where):
            by_chain = groupby(table.to_pylist(), itemgetter("split", "problem_id", "sample"))
            for (_, id, _), chain in by_chain:
                chains[id].append((number, iteration, list(chain)))
    return chains


def _chain(run: int, iteration: int, rows: Sequence[Row], texts: _TextTable) -> list[object]:
    """Return the values of `CHAIN` and, last, the attempts, each with the values of `ATTEMPT`."""
    first = rows[0]
    prompt = _text(first, "prompt")
    attempts = []
    for before, row in zip([None, *rows], rows, strict=False):
        feedback = repair_feedback(_text(row, "prompt"), prompt, _text(before, "program")) if before else ""
        seconds = row["wall_seconds"]
        values: dict[str, object] = {
            **{name: row[name] for name in NUMBERS},
            "wall_seconds": round(seconds, 3) if isinstance(seconds, float) else 0.0,
            **{name: texts.add(row[name]) for name in TEXTS},
            "program": texts.add(row["program"] or row["completion"]),
            "told": texts.add(feedback),
        }
        attempts.append([values[name] for name in ATTEMPT])
    head = [run, iteration, first["split"], first["problem_id"], first["sample"], texts.add(prompt)]
    return [*head, attempts]


def _text(row: Row, name: str) -> str:
    return str(row[name] or "")  # files of earlier versions have nulls


class _TextTable:
    """Distinct texts by number: greedy attempts repeat the same texts."""

    def __init__(self) -> None:
        self.texts: list[str] = [""]
        self.size = 0
        self._numbers = {"": 0}

    def add(self, text: object) -> int:
        """Return the number of a text, after cutting the middle of a long one; that of an empty one for None."""
        short = cut_middle(str(text or ""), LONGEST)
        if short not in self._numbers:
            self._numbers[short] = len(self.texts)
            self.texts.append(short)
            self.size += len(json.dumps(short)) + 1
        return self._numbers[short]


def _shuffle_key(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()
