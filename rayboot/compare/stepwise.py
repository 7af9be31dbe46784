"""Sampling, repair and the adaptive policy, each step by step until the first pass, at the same cost in all."""

from __future__ import annotations

import numpy as np

from rayboot.allocation import RepairFirst, SampleAgain
from rayboot.compare.cost import Cost
from rayboot.compare.curves import adaptive_curve, fixed_curve
from rayboot.compare.pool import Pool
from rayboot.evaluation import Interval, Paired, bootstrap_interval, paired
from rayboot.problems.types import Frozen

BUDGETS = 6


class StepwiseResult(Frozen):
    """One budget, spent in three ways. A problem that is solved costs nothing more; what it saves goes to others."""

    cost: float
    """Mean over problems, the same for the three."""
    sampling: Interval
    """Share of problems solved by sampling alone."""
    repair: Interval
    """The same with all recorded rounds of repair before each new sample."""
    adaptive: Interval
    repair_gain: Paired
    """Repair minus sampling."""
    adaptive_over_sampling: Paired
    adaptive_over_repair: Paired


def stepwise(pool: Pool, cost: Cost, seed: int = 0) -> list[StepwiseResult]:
    """Compare at budgets between the largest that all three policies spend at least and the most that all can spend."""
    curves = (
        fixed_curve(pool, SampleAgain(), cost, seed),
        fixed_curve(pool, RepairFirst(rounds=pool.rounds), cost, seed),
        adaptive_curve(pool, cost, seed),
    )
    if min(curve.costs.shape[1] for curve in curves) < 2:
        return []
    least = max(float(curve.spent[0]) for curve in curves)
    most = min(float(curve.spent[-1]) for curve in curves)
    if most <= least:
        return []
    results = []
    for budget in np.geomspace(least, most, BUDGETS + 1)[1:]:
        sampling, repair, adaptive = (curve.at(float(budget)) for curve in curves)
        results.append(
            StepwiseResult(
                cost=float(budget),
                sampling=bootstrap_interval(sampling),
                repair=bootstrap_interval(repair),
                adaptive=bootstrap_interval(adaptive),
                repair_gain=paired(repair, sampling),
                adaptive_over_sampling=paired(adaptive, sampling),
                adaptive_over_repair=paired(adaptive, repair),
            )
        )
    return results
