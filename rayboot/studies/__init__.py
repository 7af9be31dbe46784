"""Studies of recorded attempts and live models: sampling against repair at equal cost."""

from rayboot.studies.comparison import Comparison, compare
from rayboot.studies.recorded import (
    Cost,
    CostUnit,
    Prices,
    RecordedAttempts,
    RecordedProblem,
    Source,
    combine_sources,
    cost_of,
    recorded_sources,
)

__all__ = [
    "Comparison",
    "Cost",
    "CostUnit",
    "Prices",
    "RecordedAttempts",
    "RecordedProblem",
    "Source",
    "combine_sources",
    "compare",
    "cost_of",
    "recorded_sources",
]
