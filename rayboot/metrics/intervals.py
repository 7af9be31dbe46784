"""Intervals of means and ratios, by the bootstrap over problems, and of means over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan, sqrt
from statistics import NormalDist, fmean, stdev

import numpy as np

from rayboot.values import Frozen

RESAMPLES = 2000

SHARES = (0.0, 1.0)
"""Bounds of rates."""
DIFFERENCES = (-1.0, 1.0)
"""Bounds of differences of two rates."""


class Interval(Frozen):
    """A mean and the bounds of an interval, 95 % by default."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap_interval(
    values: Sequence[float],
    *,
    bounds: tuple[float, float] = SHARES,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the bootstrap percentile interval of the mean over problems (Efron 1979).

    If all values are 0 or all are at the same bound, it is the interval of `at_edge`.

    Args:
        values: One number per problem, such as pass@k, or the difference between two models on the problem.
        bounds: Lowest and highest possible value.
        level: Share of the resamples within the interval.

    Raises:
        ValueError: There are no values.
    """
    array = np.asarray(values, dtype=float)
    means = resampled(array, resamples, seed).mean(axis=1)
    if array.min() == array.max() and array[0] in (0.0, *bounds):
        return at_edge(float(array[0]), len(array), bounds, level)
    return percentile_interval(fmean(values), means, level)


def at_edge(
    value: float, problems: int, bounds: tuple[float, float] = SHARES, level: float = 0.95
) -> Interval:
    """Return the interval of a mean when every problem has the same value, so that all resamples are equal.

    The share of other problems that may have any value within the bounds is Wilson's upper bound for an observed share
    of 0 (Wilson 1927; 16 % for 20 problems). For rates the result is Wilson's interval.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = z**2 / (problems + z**2)
    low, high = bounds
    return Interval(mean=value, low=value - share * (value - low), high=value + share * (high - value))


def resampled(values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Draw N resamples of the values with replacement: [N, values, ...].

    Raises:
        ValueError: There are no values.
    """
    if not len(values):
        raise ValueError("an interval needs at least one value")
    indices = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    samples: np.ndarray = values[indices]
    return samples


def percentile_interval(value: float, resamples: np.ndarray, level: float) -> Interval:
    """Return the value with the central range of this share of the resamples."""
    low, high = np.quantile(resamples, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean=value, low=float(low), high=float(high))


def ratio_interval(
    amounts: Sequence[float],
    bases: Sequence[float],
    *,
    most: Sequence[float] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return the sum of `amounts` over the sum of `bases`, with the bootstrap interval over problems.

    Resamples whose bases sum to 0 are left out. If all amounts are 0, or all are at their maximum, it is the interval
    of `at_edge`.

    Args:
        amounts: One number per problem.
        bases: One number per problem.
        most: Maximum of each amount; by default the base, as for shares.

    Returns:
        None if the bases sum to 0.

    Raises:
        ValueError: There are no problems, or not as many amounts as bases.
    """
    pairs = np.asarray(list(zip(amounts, bases, strict=True)), dtype=float)
    sums = resampled(pairs, resamples, seed).sum(axis=1)
    amount, base = pairs.sum(axis=0)
    if not base:
        return None
    largest = pairs[:, 1] if most is None else np.asarray(most, dtype=float)
    if amount in (0.0, largest.sum()):
        bounds = (0.0, float(largest.sum() / base))
        return at_edge(float(amount / base), int(np.count_nonzero(pairs[:, 1])), bounds, level)
    sums = sums[sums[:, 1] != 0]
    return percentile_interval(float(amount / base), sums[:, 0] / sums[:, 1], level)


def ratio_values(amounts: Sequence[float], bases: Sequence[float]) -> list[float]:
    """Return one value per problem, with the ratio of the sums as the mean, for a paired comparison of two ratios.

    A value is the ratio plus the problem's influence on the ratio (delta method).
    """
    ratio, base = sum(amounts) / sum(bases), sum(bases) / len(bases)
    return [ratio + (a - ratio * b) / base for a, b in zip(amounts, bases, strict=True)]


def seed_interval(
    values: Sequence[float], level: float = 0.95, problems: int = 0, bounds: tuple[float, float] = SHARES
) -> Interval:
    """Return Student's t interval of the mean over seeds; with a single seed the bounds are NaN.

    The seeds are a sample of all seeds, and the problems are fixed. With few seeds the interval is wide.

    Args:
        problems: For rates, the number of problems in each mean: if all values are 0 or all are at the same bound, the
            interval is that of `at_edge`.
    """
    from scipy.stats import t  # here, because the import takes half a second

    mean = fmean(values)
    if len(values) < 2:
        return Interval(mean=mean, low=nan, high=nan)
    if problems and len({*values}) == 1 and mean in (0.0, *bounds):
        return at_edge(mean, problems, bounds, level)
    margin = t.ppf((1 + level) / 2, len(values) - 1) * stdev(values) / sqrt(len(values))
    return Interval(mean=mean, low=mean - margin, high=mean + margin)


def paired_by_seed(ours: Mapping[int, float], theirs: Mapping[int, float], problems: int = 0) -> Interval:
    """Return Student's t interval of the mean difference `ours` - `theirs`, paired by seed.

    Args:
        ours, theirs: One number per seed; the seeds in both are compared.
        problems: As for `seed_interval`.

    Raises:
        ValueError: They have no seed in common.
    """
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        raise ValueError("there is no seed that both sides have")
    differences = [ours[seed] - theirs[seed] for seed in common]
    return seed_interval(differences, problems=problems, bounds=DIFFERENCES)
