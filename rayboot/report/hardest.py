"""The problems that are least solved over the iterations."""

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
"""Problems that were never solved, and as many that were solved least."""
EXCERPT = 200


class Turn(Frozen):
    """What an iteration made of a problem."""

    iteration: int
    at_first: float
    """Share of the samples that passed at once."""
    solved: float
    """The same, where repairs count."""


class HardProblem(Frozen):
    problem_id: str
    split: str
    solved: float
    """Share of the chains of all iterations that were solved."""
    chains: int
    turns: tuple[Turn, ...]
    excerpt: str = ""
    """The problem's own part of its prompt, cut."""


class Hardest(Frozen):
    """The hardest of some splits."""

    problems: tuple[HardProblem, ...]
    """Least solved first."""
    of: int
    never: int
    """How many of all were never solved."""


def hardest(run: RunRecord, chains: Iterable[RunChain], splits: Sequence[str]) -> Hardest:
    """Rank the problems of these splits."""
    grouped: dict[tuple[str, str], list[RunChain]] = defaultdict(list)
    for chain in chains:
        if chain.split in splits:
            grouped[chain.split, chain.problem_id].append(chain)
    ranked = sorted((_hard(*key, its) for key, its in grouped.items()), key=_rank)
    never = [problem for problem in ranked if problem.solved == 0]
    seldom = [problem for problem in ranked if 0 < problem.solved < 1]
    shown = never[:SHOWN] + seldom[:SHOWN]
    excerpts = _excerpts(run, [problem.problem_id for problem in shown])
    return Hardest(
        problems=tuple(
            problem.model_copy(update={"excerpt": excerpts.get(problem.problem_id, "")}) for problem in shown
        ),
        of=len(ranked),
        never=len(never),
    )


def _hard(split: str, problem_id: str, chains: Sequence[RunChain]) -> HardProblem:
    turns: dict[int, list[RunChain]] = defaultdict(list)
    for chain in chains:
        turns[chain.iteration].append(chain)
    return HardProblem(
        problem_id=problem_id,
        split=split,
        solved=fmean(chain.passed for chain in chains),
        chains=len(chains),
        turns=tuple(
            Turn(
                iteration=iteration,
                at_first=fmean(chain.passed_first for chain in its),
                solved=fmean(chain.passed for chain in its),
            )
            for iteration, its in sorted(turns.items())
        ),
    )


def _rank(problem: HardProblem) -> tuple[float, int, int, str]:
    """Least solved first; of equals the one tried more often, then in the order of ids, `p/9` before `p/10`."""
    return problem.solved, -problem.chains, len(problem.problem_id), problem.problem_id


def _excerpts(run: RunRecord, ids: Sequence[str]) -> dict[str, str]:
    """What first prompts do not have in common: the statement, without a template's words and few-shot examples."""
    prompts: dict[str, str] = {}
    where = pc.field("problem_id").isin(pa.array(ids, pa.string())) & (pc.field("round") == 0)
    for _, table in run.attempts(["problem_id", "prompt"], where):
        for row in table.to_pylist():
            prompts.setdefault(row["problem_id"], row["prompt"] or "")
    start = _shared_lines(list(prompts.values()))
    end = _shared_lines([prompt[::-1] for prompt in prompts.values()])
    own = {id: " ".join(prompt[start : len(prompt) - end].split()) for id, prompt in prompts.items()}
    return {id: text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…" for id, text in own.items()}


def _shared_lines(texts: list[str]) -> int:
    """Characters of the whole lines that all texts begin with; none of a single text."""
    return texts[0].rfind("\n", 0, shared_start(texts)) + 1 if len(texts) > 1 else 0
