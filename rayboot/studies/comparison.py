"""The whole comparison of sampling and repair, from recorded attempts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rayboot.metrics import Interval, bootstrap_interval, ratio_interval
from rayboot.studies.after_failure import AfterFailure, after_failures
from rayboot.studies.curves import StepwiseResult, stepwise
from rayboot.studies.mixes import MixResult, measurable_mixes
from rayboot.studies.recorded import (
    Cost,
    Prices,
    RecordedAttempts,
    RecordedProblem,
    Source,
    combine_sources,
    cost_of,
)
from rayboot.studies.units import UNITS, CostUnit
from rayboot.values import Frozen

TIERS = ("easy", "medium", "hard")


def by_difficulty(recorded: RecordedAttempts) -> Mapping[str, Sequence[RecordedProblem]]:
    """Group problems by the data set's difficulties or, if it has none, by the share of first attempts that pass.

    In the latter case half of the chains determine the difficulty and only the other half is compared: with the same
    draws, a problem would count as hard because its sampling happened to fail.
    """
    groups: dict[str, list[RecordedProblem]] = defaultdict(list)
    if any(problem.difficulty for problem in recorded.problems):
        for problem in recorded.problems:
            groups[problem.difficulty or "none given"].append(problem)
        return dict(sorted(groups.items()))
    for problem in recorded.problems:
        if len(problem.chains) > 1:
            groups[_tier(problem)].append(
                problem.model_copy(update={"chains": problem.chains[1::2], "samples": problem.samples[1::2]})
            )
    return {tier: groups[tier] for tier in TIERS if tier in groups}


def _tier(problem: RecordedProblem) -> str:
    passed = [chain[0].passed for chain in problem.chains[::2]]
    passed += [step.passed for step in problem.samples[::2]]
    share = sum(passed) / len(passed)
    return "easy" if share >= 0.5 else "medium" if share > 0 else "hard"


class Measured(Frozen):
    """Metrics of one rollout or evaluation, as recorded."""

    name: str
    samples: float
    """Mean number of first attempts per problem."""
    rounds: int
    problems: int
    solved: Interval
    """Share of problems with an attempt that passed."""
    attempts: int
    verified: int
    """Attempts that passed."""
    prompt_tokens: int
    completion_tokens: int
    verified_per_1000_tokens: Interval
    dollars: float
    seconds: float | None
    """Wall-clock seconds from the first prompt to the last verdict; None if they were not recorded."""

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def per_second(self, amount: float) -> float | None:
        """Return the throughput for an amount of, say, attempts or tokens; None without `seconds`."""
        return amount / self.seconds if self.seconds else None


def _measured(source: Source, prices: Prices) -> Measured:
    problems = list(source.chains.values())
    steps = [[step for chain in chains for step in chain if step.generated] for chains in problems]
    tokens = [sum(step.tokens for step in of_problem) for of_problem in steps]
    verified = [sum(step.passed for step in of_problem) for of_problem in steps]
    prompt = sum(step.prompt_tokens for of_problem in steps for step in of_problem)
    completion = sum(step.completion_tokens for of_problem in steps for step in of_problem)
    rate = ratio_interval(verified, [count / 1000 for count in tokens], most=[*map(len, steps)])
    assert rate is not None  # every attempt has tokens
    return Measured(
        name=source.name,
        samples=sum(map(len, problems)) / len(problems),
        rounds=source.rounds,
        problems=len(problems),
        solved=bootstrap_interval([float(passed > 0) for passed in verified]),
        attempts=sum(map(len, steps)),
        verified=sum(verified),
        prompt_tokens=prompt,
        completion_tokens=completion,
        verified_per_1000_tokens=rate,
        dollars=prices.of(prompt, completion),
        seconds=source.seconds,
    )


LEAST_PROBLEMS = 5
"""Smallest group of problems that is compared; intervals over fewer are uninformative."""


class DifficultyResult(Frozen):
    """Results on the problems of one difficulty."""

    difficulty: str
    problems: int
    results: tuple[MixResult, ...]
    """The largest measurable mix for each number of rounds."""


class Comparison(Frozen):
    """All results. Intervals are 95 %, by the bootstrap over problems."""

    equal: CostUnit
    """Unit of cost in which both sides are equal."""
    problems: int
    samples: int
    """Number of first attempts with repairs per problem."""
    rounds: int
    measured: tuple[Measured, ...]
    mixes: tuple[MixResult, ...]
    difficulties: tuple[DifficultyResult, ...]
    after_failures: tuple[AfterFailure, ...]
    stepwise: tuple[StepwiseResult, ...]

    @property
    def headline(self) -> MixResult | None:
        """The largest measurable mix with all rounds of repair; None if there are too few samples for any."""
        return next((result for result in reversed(self.mixes) if result.mix.rounds == self.rounds), None)


def compare(
    sources: Sequence[Source], equal: CostUnit, prices: Prices, difficulties: Mapping[str, str] | None
) -> Comparison:
    """Compare sampling and repair on the attempts of one model on one set of problems.

    Raise UserError if the sources cannot be compared; see `combine_sources`.

    Args:
        sources: At least one with repairs; those without repairs add first attempts.
        equal: Unit of cost in which both sides are equal.
        prices: Prices for costs in dollars.
        difficulties: Difficulties by problem id; if given, other problems are left out.
    """
    recorded, cost = combine_sources(sources, difficulties), cost_of(equal, prices)
    return Comparison(
        equal=equal,
        problems=len(recorded.problems),
        samples=recorded.samples,
        rounds=recorded.rounds,
        measured=tuple(_measured(source, prices) for source in sources),
        mixes=tuple(measurable_mixes(recorded, cost)),
        difficulties=tuple(
            DifficultyResult(
                difficulty=name, problems=len(problems), results=_largest(problems, recorded.rounds, cost)
            )
            for name, problems in by_difficulty(recorded).items()
            if len(problems) >= LEAST_PROBLEMS
        ),
        after_failures=tuple(after_failures(recorded, cost, UNITS[equal].size, LEAST_PROBLEMS)),
        stepwise=tuple(stepwise(recorded, cost)),
    )


def _largest(problems: Sequence[RecordedProblem], rounds: int, cost: Cost) -> tuple[MixResult, ...]:
    """Return the largest measurable mix for each number of rounds."""
    recorded = RecordedAttempts(problems=tuple(problems), rounds=rounds)
    largest = {result.mix.rounds: result for result in measurable_mixes(recorded, cost)}
    return tuple(largest.values())
