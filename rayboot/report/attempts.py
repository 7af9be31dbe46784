"""The attempts that the page holds: as many as its size allows, whole problems at a time."""

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
"""Characters of JSON for all runs of a page, so that it stays well below 5 MB."""
CANDIDATES = 1500
"""Problems whose attempts are read at most: more never fit."""
SAMPLES = 4
"""Chains of a problem in one iteration."""
LONGEST = 6000
"""Characters of one text; the middle of longer ones is cut."""

NUMBERS = ("round", "prompt_tokens", "completion_tokens", "failing_test", "line", "wall_seconds")
TEXTS = ("status", "error_type", "message", "call", "got", "expected", "stdout", "finish_reason")
COLUMNS = ("problem_id", "split", "sample", "prompt", "program", "completion", *NUMBERS, *TEXTS)
ATTEMPT = (*NUMBERS, *TEXTS, "program", "told")
"""Fields of an attempt on the page: a row's own, its program (the completion where there is none), and what its
prompt told of the program before."""
CHAIN = ("run", "iteration", "split", "problem", "sample", "prompt")


class Sample(Frozen):
    """Chains for the page, as JSON that names every field once and holds every text once."""

    data: dict[str, Any]
    chains: int
    left_out: int


def sample_attempts(
    runs: Sequence[RunRecord],
    chains: Sequence[Iterable[RunChain]],
    first: Iterable[str],
    budget: int = BUDGET,
) -> Sample:
    """Choose whole problems, so that each can be followed through the iterations and runs.

    Args:
        chains: Of each run.
        first: Ids of problems to take before others, such as the hardest; the rest come in an order that is the
            same for all runs and pages, and random otherwise.
    """
    known = {chain.problem_id for of_run in chains for chain in of_run}
    leading = [id for id in dict.fromkeys(first) if id in known]
    ids = [*leading, *sorted(known.difference(leading), key=_shuffled)][:CANDIDATES]
    found = _read(runs, ids)
    texts = _Texts()
    chosen: list[list[Any]] = []
    size = 0
    for id in ids:
        more = [_chain(chain, texts) for chain in found.get(id, [])]
        size += len(json.dumps(more))
        if size + texts.size > budget:
            break
        chosen += more
    total = sum(len(list(of_run)) for of_run in chains)
    data = {
        "runs": [run.label for run in runs],
        "chain": CHAIN,
        "attempt": ATTEMPT,
        "chains": chosen,
        "texts": texts.known,
    }
    return Sample(data=data, chains=len(chosen), left_out=total - len(chosen))


def told(prompt: str, first_prompt: str, program: str) -> str:
    """What a repair prompt says after the wrong program.

    Where the program is not found whole, all that follows the first prompt and the program's beginning.
    """
    shown = program.strip()
    # A program may begin with the end of the first prompt: the starter code that a completion goes on from.
    start = prompt.find(shown, max(0, len(first_prompt) - len(shown))) if shown else -1
    if start >= 0:
        return prompt[start + len(shown) :].strip("\n")
    rest = max(prompt.removeprefix(first_prompt), prompt, key=lambda text: shared_start([text, shown]))
    return rest[shared_start([rest, shown]) :].strip("\n")


def _read(runs: Sequence[RunRecord], ids: Sequence[str]) -> dict[str, list[tuple[int, int, list[Row]]]]:
    """By problem: run number, iteration and rows of its chains, those of a run and split in iterations' order."""
    found: dict[str, list[tuple[int, int, list[Row]]]] = {id: [] for id in ids}
    where = pc.field("problem_id").isin(pa.array(ids, pa.string())) & (pc.field("sample") < SAMPLES)
    for number, run in enumerate(runs):
        for iteration, table in run.attempts(COLUMNS, where):
            rows = table.to_pylist()
            for (_, id, _), chain in groupby(
                rows, lambda row: (row["split"], row["problem_id"], row["sample"])
            ):
                found[id].append((number, iteration, list(chain)))
    return found


def _chain(chain: tuple[int, int, list[Row]], texts: _Texts) -> list[Any]:
    run, iteration, rows = chain
    first = rows[0]
    prompt = first["prompt"] or ""
    attempts = []
    for before, row in zip([None, *rows], rows, strict=False):
        values = {name: row[name] for name in NUMBERS}
        values["wall_seconds"] = round(row["wall_seconds"] or 0.0, 3)
        values |= {name: texts.add(row[name]) for name in TEXTS}
        values["program"] = texts.add(row["program"] or row["completion"])
        values["told"] = texts.add(told(row["prompt"], prompt, before["program"]) if before else "")
        attempts.append([values[name] for name in ATTEMPT])
    about = [run, iteration, first["split"], first["problem_id"], first["sample"], texts.add(prompt)]
    return [*about, attempts]


class _Texts:
    """Numbers for texts: greedy attempts say the same again and again."""

    def __init__(self) -> None:
        self.known: list[str] = [""]
        self.size = 0
        self._numbers = {"": 0}

    def add(self, text: str | None) -> int:
        short = cut_middle(text or "", LONGEST)
        if short not in self._numbers:
            self._numbers[short] = len(self.known)
            self.known.append(short)
            self.size += len(json.dumps(short)) + 1
        return self._numbers[short]


def _shuffled(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()
