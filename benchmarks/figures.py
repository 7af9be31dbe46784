"""What all benchmarks say of the machine, and how they compare."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from statistics import median
from typing import Any


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of the ratios within each repeat, which hold on a busy machine."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))
