"""The problems with the lowest solve rates over all iterations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.report.outcomes import RunChain
from rayboot.report.read import RunRecord
from rayboot.report.words import shared_start

SHOWN = 6
"""Most problems that were never solved, and most of the others."""
EXCERPT = 200
"""Most characters of an excerpt."""


class IterationShares(NamedTuple):
    """Results on one problem in one iteration."""

    iteration: int
    at_first: float
    """Share of samples whose first attempt passed."""
    solved: float
    """Share of samples whose first attempt or a repair passed."""


class HardProblem(NamedTuple):
    problem_id: str
    split: str
    solved: float
    """Share of the chains of all iterations that were solved."""
    turns: Sequence[IterationShares]
    excerpt: str
    """Beginning of the part of the prompt that is specific to the problem."""


class Hardest(NamedTuple):
    """The hardest problems of some splits."""

    problems: Sequence[HardProblem]
    """In order of the solve rate, lowest first."""
    of: int
    """Number of all problems."""
    never: int
    """Number of problems that were never solved."""


def hardest(run: RunRecord, splits: Sequence[str]) -> Hardest:
    """Return the hardest problems of these splits that were not always solved."""
    grouped: dict[tuple[str, str], list[RunChain]] = defaultdict(list)
    for chain in run.chains:
        if chain.split in splits:
            grouped[chain.split, chain.problem_id].append(chain)
    ranked = sorted(grouped.values(), key=_rank)
    never = [chains for chains in ranked if _solved(chains) == 0]
    sometimes = [chains for chains in ranked if 0 < _solved(chains) < 1]
    shown = never[:SHOWN] + sometimes[:SHOWN]
    excerpts = _excerpts(run, [chains[0].problem_id for chains in shown])
    problems = [_hard_problem(chains, excerpts.get(chains[0].problem_id, "")) for chains in shown]
    return Hardest(problems, of=len(ranked), never=len(never))


def _rank(chains: Sequence[RunChain]) -> tuple[float, int, int, str]:
    """Return the sort key: lowest solve rate, then most chains, then the id, with `p/9` before `p/10`."""
    id = chains[0].problem_id
    return _solved(chains), -len(chains), len(id), id


def _solved(chains: Sequence[RunChain]) -> float:
    return fmean(chain.passed for chain in chains)


def _hard_problem(chains: Sequence[RunChain], excerpt: str) -> HardProblem:
    by_iteration: dict[int, list[RunChain]] = defaultdict(list)
    for chain in chains:
        by_iteration[chain.iteration].append(chain)
    turns = [
        IterationShares(iteration, fmean(chain.passed_first for chain in turn), _solved(turn))
        for iteration, turn in sorted(by_iteration.items())
    ]
    return HardProblem(chains[0].problem_id, chains[0].split, _solved(chains), turns, excerpt)


def _excerpts(run: RunRecord, ids: Sequence[str]) -> dict[str, str]:
    """Return the part of each first prompt that is not common to all: without the template and few-shot examples."""
    prompts: dict[str, str] = {}
    where = pc.field("problem_id").isin(pa.array(ids, pa.string())) & (pc.field("round") == 0)
    for _, table in run.attempts(["problem_id", "prompt"], where):
        for row in table.to_pylist():
            prompts.setdefault(row["problem_id"], row["prompt"] or "")
    start = _shared_lines(list(prompts.values()))
    end = _shared_lines([prompt[::-1] for prompt in prompts.values()])
    distinct = {id: " ".join(prompt[start : len(prompt) - end].split()) for id, prompt in prompts.items()}
    return {id: text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…" for id, text in distinct.items()}


def _shared_lines(texts: list[str]) -> int:
    """Return the number of characters in whole lines that all texts begin with; 0 for a single text."""
    return texts[0].rfind("\n", 0, shared_start(texts)) + 1 if len(texts) > 1 else 0
