"""Intervals: by the bootstrap over problems, of means and of ratios, and over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan, sqrt
from statistics import NormalDist, fmean, stdev

import numpy as np
from scipy.stats import t

from rayboot.values import Frozen

RESAMPLES = 2000


SHARES = (0.0, 1.0)
"""Bounds of rates."""
DIFFERENCES = (-1.0, 1.0)
"""Bounds of differences of two rates."""


class Interval(Frozen):
    """A mean, and where 95 % of its bootstrap resamples lie."""

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
    """The percentile interval of the mean over problems (Efron 1979); of values that are all the same, see `at_edge`.

    Args:
        values: One number a problem, such as its pass@k, or its difference between two models for a paired
            comparison.
        bounds: The least and the largest that a value can be.
        level: Share of the resamples that the interval holds.

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
    """The interval of a mean where every problem has the same value, so that resamples say nothing: 0 or 1, or no
    difference.

    As many other problems as Wilson's upper bound of a share of 0 allows (1927; of 20 problems 16 %) may have any value
    within the bounds: of rates it is Wilson's interval.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    others = z**2 / (problems + z**2)
    low, high = bounds
    return Interval(mean=value, low=value - others * (value - low), high=value + others * (high - value))


def resampled(values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """So many times as many values, drawn with replacement, in rows.

    Raises:
        ValueError: There are no values.
    """
    if not len(values):
        raise ValueError("an interval needs at least one value")
    drawn = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    found: np.ndarray = values[drawn]
    return found


def percentile_interval(value: float, resamples: np.ndarray, level: float) -> Interval:
    """The value, with the range that holds this share of its resamples."""
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
    """Sum of `amounts` over sum of `bases`, one of each for a problem, with its problem-level bootstrap interval.

    Resamples whose bases sum to 0 say nothing and are left out; None when the bases themselves do. Where no amount, or
    every amount, is as large as it can be, the interval is that of `at_edge`.

    Args:
        most: The largest that each amount could be; by default its base, as of shares.

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
    """One value for each problem, whose mean is the ratio of the sums: what a paired comparison of two ratios takes.

    The value is the ratio plus the problem's influence on it (the delta method): how much the ratio would move if
    there were more problems like this one.
    """
    ratio, base = sum(amounts) / sum(bases), sum(bases) / len(bases)
    return [ratio + (a - ratio * b) / base for a, b in zip(amounts, bases, strict=True)]


def seed_interval(
    values: Sequence[float], level: float = 0.95, problems: int = 0, bounds: tuple[float, float] = SHARES
) -> Interval:
    """Student's interval of the mean over seeds; of a single seed its ends are NaN.

    It takes the seeds for a sample of all seeds, and the problems for given. Of few seeds it is wide.

    Args:
        problems: Of rates, how many each is the mean of: where all seeds are at the same bound, or no seed makes a
            difference, the interval is that of `at_edge`.
    """
    mean = fmean(values)
    if len(values) < 2:
        return Interval(mean=mean, low=nan, high=nan)
    if problems and len({*values}) == 1 and mean in (0.0, *bounds):
        return at_edge(mean, problems, bounds, level)
    reach = t.ppf((1 + level) / 2, len(values) - 1) * stdev(values) / sqrt(len(values))
    return Interval(mean=mean, low=mean - reach, high=mean + reach)


def paired_by_seed(ours: Mapping[int, float], theirs: Mapping[int, float], problems: int = 0) -> Interval:
    """The difference ours - theirs, seed by seed.

    Args:
        ours, theirs: One number a seed; the seeds that both have are compared.
        problems: As for `seed_interval`.

    Raises:
        ValueError: They have no seed in common.
    """
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        raise ValueError("there is no seed that both sides have")
    differences = [ours[seed] - theirs[seed] for seed in common]
    return seed_interval(differences, problems=problems, bounds=DIFFERENCES)
