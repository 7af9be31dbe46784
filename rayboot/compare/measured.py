"""What was measured while the attempts were made, one line for each way of spending."""

from __future__ import annotations

from collections.abc import Sequence

from rayboot.compare.cost import Prices
from rayboot.compare.pool import Source
from rayboot.evaluation import Chain, Interval, bootstrap_interval, ratio_interval
from rayboot.problems.types import Frozen


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
