"""Sampling against repair: the whole comparison, from recorded attempts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rayboot.attempts import Chain
from rayboot.metrics import Interval, bootstrap_interval, ratio_interval
from rayboot.studies.after_failure import AfterFailure, after_failures
from rayboot.studies.curves import StepwiseResult, stepwise
from rayboot.studies.mixes import MixResult, measurable_mixes
from rayboot.studies.recorded import UNITS, Equal, Pool, Prices, ProblemPool, Source, cost_of, make_pool
from rayboot.values import Frozen

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


class Measured(Frozen):
    """One rollout or evaluation, as it was run."""

    name: str
    samples: float
    """First attempts of a problem."""
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
    """Wall-clock, from the first prompt to the last verdict; None where it was not recorded."""

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def per_second(self, amount: float) -> float | None:
        """A throughput, such as of attempts or tokens."""
        return amount / self.seconds if self.seconds else None


def measured(source: Source, prices: Prices) -> Measured:
    """The figures of a source that has attempts."""
    problems = list(source.chains.values())
    steps = [[step for chain in chains for step in chain if step.made] for chains in problems]
    tokens = [sum(step.tokens for step in several) for several in steps]
    verified = [sum(step.passed for step in several) for several in steps]
    prompt = sum(step.prompt_tokens for several in steps for step in several)
    completion = sum(step.completion_tokens for several in steps for step in several)
    rate = ratio_interval(verified, [count / 1000 for count in tokens], most=[*map(len, steps)])
    assert rate is not None  # every attempt has tokens
    return Measured(
        name=source.name,
        samples=_mean_samples(problems),
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


def _mean_samples(problems: Sequence[Sequence[Chain]]) -> float:
    return sum(map(len, problems)) / len(problems)


LEAST_PROBLEMS = 5
"""Problems that a group must have: an interval over fewer says nothing."""


class DifficultyResult(Frozen):
    """One difficulty."""

    difficulty: str
    problems: int
    results: tuple[MixResult, ...]
    """The largest mix of each number of rounds that can be measured."""


class Comparison(Frozen):
    """All tables. Intervals are 95 %, by the bootstrap over problems."""

    equal: Equal
    """What is kept equal."""
    problems: int
    samples: int
    """First attempts with repairs, of each problem."""
    rounds: int
    measured: tuple[Measured, ...]
    mixes: tuple[MixResult, ...]
    difficulties: tuple[DifficultyResult, ...]
    after_failures: tuple[AfterFailure, ...]
    stepwise: tuple[StepwiseResult, ...]

    @property
    def headline(self) -> MixResult | None:
        """The largest measurable mix with all rounds of repair; None where the pool is too small for any."""
        return next((result for result in reversed(self.mixes) if result.mix.rounds == self.rounds), None)


def compare(
    sources: Sequence[Source],
    equal: Equal = "tokens",
    prices: Prices | None = None,
    difficulties: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare on the attempts of one model on one set of problems.

    Args:
        sources: At least one with repairs; those without add first attempts.
        equal: What the two ways shall spend the same of.
        prices: For dollars.
        difficulties: By problem id; where given, other problems are left out.

    Raises:
        UserError: The sources are no pool to compare on: `make_pool`.
    """
    prices = prices or Prices()
    pool, cost = make_pool(sources, difficulties), cost_of(equal, prices)
    return Comparison(
        equal=equal,
        problems=len(pool.problems),
        samples=pool.samples,
        rounds=pool.rounds,
        measured=tuple(measured(source, prices) for source in sources),
        mixes=tuple(measurable_mixes(pool, cost)),
        difficulties=tuple(
            DifficultyResult(
                difficulty=name,
                problems=len(problems),
                results=_largest(pool.model_copy(update={"problems": tuple(problems)}), equal, prices),
            )
            for name, problems in by_difficulty(pool).items()
            if len(problems) >= LEAST_PROBLEMS
        ),
        after_failures=tuple(after_failures(pool, cost, UNITS[equal].size, LEAST_PROBLEMS)),
        stepwise=tuple(stepwise(pool, cost)),
    )


def _largest(pool: Pool, equal: Equal, prices: Prices) -> tuple[MixResult, ...]:
    """Of each number of rounds the largest mix."""
    largest = {result.mix.rounds: result for result in measurable_mixes(pool, cost_of(equal, prices))}
    return tuple(largest.values())
