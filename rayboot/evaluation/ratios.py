"""Ratios of sums over problems, such as verified solutions for each token, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rayboot.evaluation.intervals import RESAMPLES, Interval, at_edge, percentile_interval, resampled


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
