"""Sampling against repair: the whole comparison, from recorded attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rayboot.compare.after_failure import AfterFailure, after_failures
from rayboot.compare.cost import UNITS, Equal, Prices, cost_of
from rayboot.compare.difficulty import by_difficulty
from rayboot.compare.measured import Measured, measured
from rayboot.compare.mixes import MixResult, measurable_mixes
from rayboot.compare.pool import Pool, Source, make_pool
from rayboot.compare.stepwise import StepwiseResult, stepwise
from rayboot.problems.types import Frozen

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
