"""The attempts on the page: whole problems, up to a limit of the page's size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.prompts.feedback import cut_middle
from rayboot.report.outcomes import RunChain
from rayboot.report.read import Row, RunRecord
from rayboot.report.words import shared_start
from rayboot.values import Frozen

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


class SampledAttempts(Frozen):
    """Chains on the page, as JSON with every field name and every text once."""

    data: dict[str, Any]
    chains: int
    left_out: int


def sample_attempts(
    runs: Sequence[RunRecord],
    chains: Sequence[Iterable[RunChain]],
    first: Iterable[str],
    budget: int = BUDGET,
) -> SampledAttempts:
    """Choose whole problems, each with the attempts of all iterations and runs.

    Args:
        chains: Chains of each run.
        first: Ids of problems to take before others, such as the hardest. The order of the others is pseudo-random,
            and the same for all runs and pages.
        budget: Most characters of JSON.
    """
    available = {chain.problem_id for of_run in chains for chain in of_run}
    leading = [id for id in dict.fromkeys(first) if id in available]
    ids = [*leading, *sorted(available.difference(leading), key=_shuffle_key)][:CANDIDATES]
    rows_of = _read(runs, ids)
    texts = _TextTable()
    chosen: list[list[Any]] = []
    size = 0
    for id in ids:
        of_problem = [_chain(chain, texts) for chain in rows_of.get(id, [])]
        size += len(json.dumps(of_problem))
        if size + texts.size > budget:
            break
        chosen += of_problem
    total = sum(len(list(of_run)) for of_run in chains)
    data = {
        "runs": [run.label for run in runs],
        "chain": CHAIN,
        "attempt": ATTEMPT,
        "chains": chosen,
        "texts": texts.texts,
    }
    return SampledAttempts(data=data, chains=len(chosen), left_out=total - len(chosen))


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
            rows = table.to_pylist()
            for (_, id, _), chain in groupby(
                rows, lambda row: (row["split"], row["problem_id"], row["sample"])
            ):
                chains[id].append((number, iteration, list(chain)))
    return chains


def _chain(chain: tuple[int, int, list[Row]], texts: _TextTable) -> list[Any]:
    """Return the values of `CHAIN` and, last, the attempts, each with the values of `ATTEMPT`."""
    run, iteration, rows = chain
    first = rows[0]
    prompt = first["prompt"] or ""
    attempts = []
    for before, row in zip([None, *rows], rows, strict=False):
        values = {name: row[name] for name in NUMBERS}
        values["wall_seconds"] = round(row["wall_seconds"] or 0.0, 3)
        values |= {name: texts.add(row[name]) for name in TEXTS}
        values["program"] = texts.add(row["program"] or row["completion"])
        values["told"] = texts.add(
            repair_feedback(row["prompt"], prompt, before["program"]) if before else ""
        )
        attempts.append([values[name] for name in ATTEMPT])
    head = [run, iteration, first["split"], first["problem_id"], first["sample"], texts.add(prompt)]
    return [*head, attempts]


class _TextTable:
    """Distinct texts by number: greedy attempts repeat the same texts."""

    def __init__(self) -> None:
        self.texts: list[str] = [""]
        self.size = 0
        self._numbers = {"": 0}

    def add(self, text: str | None) -> int:
        """Return the number of a text, after cutting the middle of a long one."""
        short = cut_middle(text or "", LONGEST)
        if short not in self._numbers:
            self._numbers[short] = len(self.texts)
            self.texts.append(short)
            self.size += len(json.dumps(short)) + 1
        return self._numbers[short]


def _shuffle_key(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()
