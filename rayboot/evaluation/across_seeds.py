"""What differs from seed to seed: mean, deviation, and intervals over runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan, sqrt
from statistics import fmean, stdev

from scipy.stats import t

from rayboot.evaluation.intervals import DIFFERENCES, SHARES, Interval, at_edge


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
