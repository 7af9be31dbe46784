"""Problems by how hard they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rayboot.compare.pool import Pool, ProblemPool

TIERS = ("easy", "medium", "hard")


def by_difficulty(pool: Pool) -> Mapping[str, Sequence[ProblemPool]]:
    """The benchmark's own difficulties where it has them, else how often the model solves a problem.

    In the latter case half of the chains say how hard a problem is and only the other half is compared: on the same
    draws, problems would be hard just because sampling happened to fail.
    """
    groups: dict[str, list[ProblemPool]] = defaultdict(list)
    if any(problem.difficulty for problem in pool.problems):
        for problem in pool.problems:
            groups[problem.difficulty or "none given"].append(problem)
        return dict(sorted(groups.items()))
    for problem in pool.problems:
        if len(problem.chains) > 1:
            groups[_tier(problem)].append(
                problem.model_copy(update={"chains": problem.chains[1::2], "samples": problem.samples[1::2]})
            )
    return {tier: groups[tier] for tier in TIERS if tier in groups}


def _tier(problem: ProblemPool) -> str:
    judging = [chain[0].passed for chain in problem.chains[::2]]
    judging += [step.passed for step in problem.samples[::2]]
    share = sum(judging) / len(judging)
    return "easy" if share >= 0.5 else "medium" if share > 0 else "hard"
