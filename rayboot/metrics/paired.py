"""Two models, or two modes, on the same problems: the difference, how sure it is, and whether it may be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rayboot.metrics.intervals import DIFFERENCES, Interval, bootstrap_interval
from rayboot.values import Frozen

EXACT = 16
"""Problems with a difference up to which all of their signs' combinations are tried."""
FLIPS = 20_000
BATCH = 1000


class Paired(Frozen):
    """A mean difference over the same problems: first minus second."""

    difference: Interval
    p_value: float
    """Chance of a difference at least as large, either way, if for each problem it were a toss which is which."""
    problems: int

    @property
    def sure(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return self.difference.low > 0 or self.difference.high < 0

    def __str__(self) -> str:
        return f"{self.difference.mean:+.3f} [{self.difference.low:+.3f}, {self.difference.high:+.3f}]"


def paired(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Paired:
    """Compare two values of each problem, given in the same order.

    The interval is the problem-level bootstrap of the difference; the p-value a sign-flip test (Fisher 1935), exact
    up to 16 problems that differ and from 20,000 random flips beyond.

    Raises:
        ValueError: There are no values, or not as many of the one as of the other.
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    return Paired(
        difference=bootstrap_interval(differences, bounds=DIFFERENCES, seed=seed),
        p_value=_sign_flip(np.asarray(differences), np.random.default_rng(seed)),
        problems=len(differences),
    )


def paired_by_problem(first: Mapping[str, float], second: Mapping[str, float]) -> Paired:
    """Compare values by problem id, on the problems that both have.

    Raises:
        ValueError: They have none in common.
    """
    both = sorted(first.keys() & second.keys())
    if not both:
        raise ValueError("a paired comparison needs problems that both have")
    return paired([first[id] for id in both], [second[id] for id in both])


def _sign_flip(differences: np.ndarray, random: np.random.Generator) -> float:
    differing = differences[differences != 0]
    observed = abs(differing.sum()) - 1e-9  # sums of the same numbers in another order are the same
    if not len(differing):
        return 1.0
    if len(differing) <= EXACT:
        bits = np.arange(2 ** len(differing))[:, None] >> np.arange(len(differing))
        return float(np.mean(np.abs((1 - 2 * (bits & 1)) @ differing) >= observed))
    as_large = 0
    for _ in range(FLIPS // BATCH):
        signs = random.choice((-1.0, 1.0), size=(BATCH, len(differing)))
        as_large += int(np.count_nonzero(np.abs(signs @ differing) >= observed))
    return (as_large + 1) / (FLIPS + 1)
