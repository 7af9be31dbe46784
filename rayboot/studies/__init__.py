"""Questions asked of finished attempts or live models: sampling against repair at the same cost."""

from rayboot.studies.comparison import Comparison, compare
from rayboot.studies.recorded import (
    Cost,
    Equal,
    Pool,
    Prices,
    ProblemPool,
    Source,
    cost_of,
    make_pool,
    recorded_sources,
)

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
