"""95 % intervals of means and ratios over problems, of means over seeds, and paired comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan, sqrt
from statistics import NormalDist, fmean, stdev
from typing import Literal

import numpy as np

from rayboot.values import Frozen

LEVEL = 0.95
RESAMPLES = 2000

SHARES = (0.0, 1.0)
"""Bounds of rates."""
DIFFERENCES = (-1.0, 1.0)
"""Bounds of differences of two rates."""

EXACT = 16
"""Highest number of problems with a difference for which all combinations of signs are enumerated."""
FLIPS = 20_000
BATCH = 1000


class Interval(Frozen):
    """A mean and the bounds of its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def percent(self, sign: Literal["+", ""] = "") -> str:
        """Return the interval in percent: `25.8 [17.5, 34.2]` or, with `+`, `+25.8 [+17.5, +34.2]`."""
        mean, low, high = (f"{100 * value:{sign}.1f}" for value in (self.mean, self.low, self.high))
        return f"{mean} [{low}, {high}]"


class Paired(Frozen):
    """Mean difference over problems: first minus second."""

    difference: Interval
    p_value: float
    """Two-sided p-value under exchangeability of the two sides on each problem."""
    problems: int

    @property
    def sure(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        return self.difference.low > 0 or self.difference.high < 0

    def __str__(self) -> str:
        return f"{self.difference.mean:+.3f} [{self.difference.low:+.3f}, {self.difference.high:+.3f}]"


def bootstrap_interval(values: Sequence[float], *, bounds: tuple[float, float] = SHARES) -> Interval:
    """Return the bootstrap percentile interval of the mean over problems (Efron 1979).

    If all values are 0 or all are at the same bound, all resamples are equal, and the interval is Wilson's. Raise
    ValueError if there are no values.

    Args:
        values: One number per problem, such as pass@k, or the difference between two models on the problem.
        bounds: Lowest and highest possible value.
    """
    array = np.asarray(values, dtype=float)
    means = _resampled(array, RESAMPLES).mean(axis=1)
    if array.min() == array.max() and array[0] in (0.0, *bounds):
        return _at_edge(float(array[0]), len(array), bounds)
    return _percentile_interval(fmean(values), means)


def ratio_interval(
    amounts: Sequence[float],
    bases: Sequence[float],
    *,
    most: Sequence[float] | None = None,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """Return the sum of `amounts` over that of `bases`, with the bootstrap interval over problems.

    Return None if the bases sum to 0; resamples whose bases do are left out. If all amounts are 0, or all are at their
    maximum, the interval is Wilson's. Raise ValueError if there are no problems, or not as many amounts as bases.

    Args:
        amounts: One number per problem.
        bases: One number per problem.
        most: Maximum of each amount; by default the base, as for shares.
    """
    pairs = np.asarray(list(zip(amounts, bases, strict=True)), dtype=float)
    sums = _resampled(pairs, resamples).sum(axis=1)
    amount, base = pairs.sum(axis=0)
    if not base:
        return None
    largest = pairs[:, 1] if most is None else np.asarray(most, dtype=float)
    if amount in (0.0, largest.sum()):
        bounds = (0.0, float(largest.sum() / base))
        return _at_edge(float(amount / base), int(np.count_nonzero(pairs[:, 1])), bounds)
    sums = sums[sums[:, 1] != 0]
    return _percentile_interval(float(amount / base), sums[:, 0] / sums[:, 1])


def ratio_values(amounts: Sequence[float], bases: Sequence[float]) -> list[float]:
    """Return one value per problem, with the ratio of the sums as the mean, for a paired comparison of two ratios.

    A value is the ratio plus the problem's influence on the ratio (delta method).
    """
    ratio, base = sum(amounts) / sum(bases), sum(bases) / len(bases)
    return [ratio + (a - ratio * b) / base for a, b in zip(amounts, bases, strict=True)]


def _resampled(values: np.ndarray, resamples: int) -> np.ndarray:
    """Draw N resamples of the values with replacement: [N, values, ...]."""
    if not len(values):
        raise ValueError("an interval needs at least one value")
    indices = np.random.default_rng(0).integers(len(values), size=(resamples, len(values)))
    samples: np.ndarray = values[indices]
    return samples


def _percentile_interval(value: float, resamples: np.ndarray) -> Interval:
    low, high = np.quantile(resamples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean=value, low=float(low), high=float(high))


def _at_edge(value: float, problems: int, bounds: tuple[float, float]) -> Interval:
    """Return the interval of a mean when every problem has the same value.

    The share of other problems that may have any value within the bounds is Wilson's upper bound for an observed share
    of 0 (Wilson 1927; 16 % for 20 problems). For rates the result is Wilson's interval.
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share = z**2 / (problems + z**2)
    low, high = bounds
    return Interval(mean=value, low=value - share * (value - low), high=value + share * (high - value))


def paired(first: Sequence[float], second: Sequence[float]) -> Paired:
    """Compare two values per problem, given in the same order of problems.

    The interval is the bootstrap over problems. The p-value is that of a sign-flip test (Fisher 1935): exact for up to
    16 problems with a difference, else from 20,000 random flips. Raise ValueError if there are no values, or the
    numbers of values differ.
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    return Paired(
        difference=bootstrap_interval(differences, bounds=DIFFERENCES),
        p_value=_sign_flip(np.asarray(differences)),
        problems=len(differences),
    )


def paired_by_problem(first: Mapping[str, float], second: Mapping[str, float]) -> Paired:
    """Compare values by problem id, on the problems in both mappings; raise ValueError if there are none."""
    common = sorted(first.keys() & second.keys())
    if not common:
        raise ValueError("a paired comparison needs problems that both sides have")
    return paired([first[id] for id in common], [second[id] for id in common])


def _sign_flip(differences: np.ndarray) -> float:
    """Return the p-value: the share of sign flips whose absolute sum is at least the observed one."""
    nonzero = differences[differences != 0]
    observed = abs(nonzero.sum()) - 1e-9  # tolerance for sums of the same numbers in another order
    if not len(nonzero):
        return 1.0
    if len(nonzero) <= EXACT:
        bits = np.arange(2 ** len(nonzero))[:, None] >> np.arange(len(nonzero))
        return float(np.mean(np.abs((1 - 2 * (bits & 1)) @ nonzero) >= observed))
    random = np.random.default_rng(0)
    extreme = 0
    for _ in range(FLIPS // BATCH):
        signs = random.choice((-1.0, 1.0), size=(BATCH, len(nonzero)))
        extreme += int(np.count_nonzero(np.abs(signs @ nonzero) >= observed))
    return (extreme + 1) / (FLIPS + 1)


def seed_interval(
    values: Sequence[float], problems: int = 0, bounds: tuple[float, float] = SHARES
) -> Interval:
    """Return Student's t interval of the mean over seeds; with a single seed the bounds are NaN.

    The seeds are a sample of all seeds, and the problems are fixed. With few seeds the interval is wide.

    Args:
        problems: For rates, the number of problems in each mean: if all values are 0 or all are at the same bound, the
            interval is that of `bootstrap_interval`.
    """
    from scipy.stats import t  # here, because the import takes half a second

    mean = fmean(values)
    if len(values) < 2:
        return Interval(mean=mean, low=nan, high=nan)
    if problems and len({*values}) == 1 and mean in (0.0, *bounds):
        return _at_edge(mean, problems, bounds)
    margin = t.ppf((1 + LEVEL) / 2, len(values) - 1) * stdev(values) / sqrt(len(values))
    return Interval(mean=mean, low=mean - margin, high=mean + margin)


def paired_by_seed(ours: Mapping[int, float], theirs: Mapping[int, float], problems: int = 0) -> Interval:
    """Return Student's t interval of the mean difference `ours` - `theirs`, paired by the seeds in both.

    `problems` is that of `seed_interval`. Raise ValueError if they have no seed in common.
    """
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        raise ValueError("there is no seed that both sides have")
    differences = [ours[seed] - theirs[seed] for seed in common]
    return seed_interval(differences, problems, DIFFERENCES)
