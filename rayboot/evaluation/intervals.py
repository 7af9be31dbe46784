"""Intervals by the bootstrap over problems: how far a mean might be off with other problems of the same kind."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from rayboot.problems.types import Frozen

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
    return percentile_interval(float(array.mean()), means, level)


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
