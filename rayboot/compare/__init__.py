"""Sampling against repair at the same cost, and an adaptive policy against both."""

from rayboot.compare.comparison import Comparison, compare
from rayboot.compare.cost import Cost, Equal, Prices, cost_of
from rayboot.compare.pool import Pool, ProblemPool, Source, make_pool
from rayboot.compare.recorded import recorded_sources

__all__ = [
    "Comparison",
    "Cost",
    "Equal",
    "Pool",
    "Prices",
    "ProblemPool",
    "Source",
    "compare",
    "cost_of",
    "make_pool",
    "recorded_sources",
]
