"""The pool of recorded attempts that sampling and repair are compared on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rayboot.allocation import Step
from rayboot.errors import UserError
from rayboot.evaluation import Chain, chains_by_problem
from rayboot.evaluation.chains import Attempts
from rayboot.problems.types import Frozen


class ProblemPool(Frozen):
    """Independent draws for one problem."""

    problem_id: str
    difficulty: str = ""
    chains: tuple[Chain, ...]
    """First attempts with all their repairs. Empty where no prompt fitted: the problem is then never solved."""
    samples: tuple[Step, ...] = ()
    """More first attempts, whose repairs were not recorded."""

    @property
    def firsts(self) -> tuple[Step, ...]:
        """All first attempts."""
        return (*(chain[0] for chain in self.chains), *self.samples)


class Pool(Frozen):
    """All problems."""

    problems: tuple[ProblemPool, ...]
    rounds: int
    """Repairs that a failing chain has."""

    @property
    def samples(self) -> int:
        """Chains that every problem has, but for those whose prompts did not fit."""
        return min((len(problem.chains) for problem in self.problems if problem.chains), default=0)


@dataclass(frozen=True)
class Source:
    """Attempts of one rollout or evaluation."""

    name: str
    """For messages, such as its folder."""
    attempts: Attempts
    seconds: float | None = None
    """That the rollout took, without the engines' start, where it is known."""

    @cached_property
    def chains(self) -> dict[str, list[Chain]]:
        """By problem, without chains that never began."""
        return {
            problem: [chain for chain in chains if chain[0].made]
            for problem, chains in chains_by_problem(self.attempts).items()
        }

    @cached_property
    def rounds(self) -> int:
        """Repairs of a chain that never passes."""
        return max((chain[-1].round for chains in self.chains.values() for chain in chains), default=0)


def make_pool(sources: Sequence[Source], difficulties: Mapping[str, str] | None = None) -> Pool:
    """Put attempts of one model together.

    Args:
        sources: Those without repairs add first attempts to the problems of the others.
        difficulties: By problem id; where given, other problems are left out.

    Raises:
        UserError: No source has repairs, some repairs are missing, or no problem is left.
    """
    repaired = [source for source in sources if source.rounds]
    if not repaired:
        names = ", ".join(source.name for source in sources)
        raise UserError(f"{names}: no repairs are recorded; evaluate with --repair-rounds 1 or more")
    for source in repaired:
        _check_complete(source)
    ids = dict.fromkeys(problem for source in repaired for problem in source.chains)
    kept = [id for id in ids if difficulties is None or id in difficulties]
    if not kept:
        raise UserError(
            f"{repaired[0].name}: none of its problems, such as {next(iter(ids))}, is in the dataset; "
            "give the one that was evaluated"
        )
    return Pool(
        problems=tuple(
            ProblemPool(
                problem_id=id,
                difficulty=(difficulties or {}).get(id, ""),
                chains=_all(repaired, id),
                samples=tuple(chain[0] for chain in _all([s for s in sources if not s.rounds], id)),
            )
            for id in kept
        ),
        rounds=min(source.rounds for source in repaired),
    )


def _all(sources: Iterable[Source], problem: str) -> tuple[Chain, ...]:
    return tuple(chain for source in sources for chain in source.chains.get(problem, []))


def _check_complete(source: Source) -> None:
    """Chains that were given up early for a reason of their own would make repair look better than it is."""
    for problem, chains in source.chains.items():
        for chain in chains:
            if chain[-1].made and not chain[-1].passed and chain[-1].round < source.rounds:
                raise UserError(
                    f"{source.name}: a chain of {problem} ends failing after round {chain[-1].round}, others go on to "
                    f"{source.rounds}; a comparison needs all failing attempts repaired alike"
                )
