"""Intervals by the bootstrap over problems: how far a mean might be off with other problems of the same kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rayboot.problems.types import Frozen

RESAMPLES = 2000


class Interval(Frozen):
    """A mean, and where 95 % of its bootstrap resamples lie."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap_interval(
    values: Sequence[float], *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The percentile interval of the mean over problems (Efron 1979).

    Args:
        values: One number a problem, such as its pass@k, or its difference between two models for a paired
            comparison.
        level: Share of the resamples that the interval holds.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("an interval needs at least one value")
    array = np.asarray(values, dtype=float)
    means = _resampled_means(array, resamples, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean=float(array.mean()), low=float(low), high=float(high))


def _resampled_means(values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    drawn = random.integers(len(values), size=(resamples, len(values)))
    means: np.ndarray = values[drawn].mean(axis=1)
    return means
