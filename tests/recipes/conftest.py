"""The quickstart's scripts lie outside the package, in jobs/quickstart, and import each other by name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "jobs" / "quickstart"))
