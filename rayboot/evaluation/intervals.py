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
    array = np.asarray(values, dtype=float)
    means = resampled(array, resamples, seed).mean(axis=1)
    return percentile_interval(float(array.mean()), means, level)


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
