"""The problems with the lowest solve rates over all iterations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.report.outcomes import RunChain
from rayboot.report.read import RunRecord
from rayboot.report.words import shared_start
from rayboot.values import Frozen

SHOWN = 6
"""Most problems that were never solved, and most of the others."""
EXCERPT = 200
"""Most characters of an excerpt."""


class IterationShares(Frozen):
    """Results on one problem in one iteration."""

    iteration: int
    at_first: float
    """Share of samples whose first attempt passed."""
    solved: float
    """Share of samples whose first attempt or a repair passed."""


class HardProblem(Frozen):
    problem_id: str
    split: str
    solved: float
    """Share of the chains of all iterations that were solved."""
    chains: int
    turns: tuple[IterationShares, ...]
    excerpt: str = ""
    """Beginning of the part of the prompt that is specific to the problem."""


class Hardest(Frozen):
    """The hardest problems of some splits."""

    problems: tuple[HardProblem, ...]
    """In order of the solve rate, lowest first."""
    of: int
    """Number of all problems."""
    never: int
    """Number of problems that were never solved."""


def hardest(run: RunRecord, chains: Iterable[RunChain], splits: Sequence[str]) -> Hardest:
    """Return the hardest problems of these splits that were not always solved."""
    grouped: dict[tuple[str, str], list[RunChain]] = defaultdict(list)
    for chain in chains:
        if chain.split in splits:
            grouped[chain.split, chain.problem_id].append(chain)
    ranked = sorted((_hard_problem(*key, of_problem) for key, of_problem in grouped.items()), key=_rank)
    never = [problem for problem in ranked if problem.solved == 0]
    sometimes = [problem for problem in ranked if 0 < problem.solved < 1]
    shown = never[:SHOWN] + sometimes[:SHOWN]
    excerpts = _excerpts(run, [problem.problem_id for problem in shown])
    return Hardest(
        problems=tuple(
            problem.model_copy(update={"excerpt": excerpts.get(problem.problem_id, "")}) for problem in shown
        ),
        of=len(ranked),
        never=len(never),
    )


def _hard_problem(split: str, problem_id: str, chains: Sequence[RunChain]) -> HardProblem:
    by_iteration: dict[int, list[RunChain]] = defaultdict(list)
    for chain in chains:
        by_iteration[chain.iteration].append(chain)
    return HardProblem(
        problem_id=problem_id,
        split=split,
        solved=fmean(chain.passed for chain in chains),
        chains=len(chains),
        turns=tuple(
            IterationShares(
                iteration=iteration,
                at_first=fmean(chain.passed_first for chain in of_iteration),
                solved=fmean(chain.passed for chain in of_iteration),
            )
            for iteration, of_iteration in sorted(by_iteration.items())
        ),
    )


def _rank(problem: HardProblem) -> tuple[float, int, int, str]:
    """Return the sort key: lowest solve rate, then most chains, then the id, with `p/9` before `p/10`."""
    return problem.solved, -problem.chains, len(problem.problem_id), problem.problem_id


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
