"""Paired comparison of two models, or two modes, on the same problems: difference, interval and p-value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rayboot.metrics.intervals import DIFFERENCES, Interval, bootstrap_interval
from rayboot.values import Frozen

EXACT = 16
"""Highest number of problems with a difference for which all combinations of signs are enumerated."""
FLIPS = 20_000
BATCH = 1000


class Paired(Frozen):
    """Mean difference over problems: first minus second."""

    difference: Interval
    p_value: float
    """Two-sided p-value under exchangeability of the two sides on each problem."""
    problems: int

    @property
    def sure(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        return self.difference.low > 0 or self.difference.high < 0

    def __str__(self) -> str:
        return f"{self.difference.mean:+.3f} [{self.difference.low:+.3f}, {self.difference.high:+.3f}]"


def paired(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Paired:
    """Compare two values per problem, given in the same order of problems.

    The interval is the bootstrap over problems. The p-value is that of a sign-flip test (Fisher 1935): exact for up to
    16 problems with a difference, else from 20,000 random flips.

    Raises:
        ValueError: There are no values, or the numbers of values differ.
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    return Paired(
        difference=bootstrap_interval(differences, bounds=DIFFERENCES, seed=seed),
        p_value=_sign_flip(np.asarray(differences), np.random.default_rng(seed)),
        problems=len(differences),
    )


def paired_by_problem(first: Mapping[str, float], second: Mapping[str, float]) -> Paired:
    """Compare values by problem id, on the problems in both mappings.

    Raises:
        ValueError: No problem is in both.
    """
    common = sorted(first.keys() & second.keys())
    if not common:
        raise ValueError("a paired comparison needs problems that both sides have")
    return paired([first[id] for id in common], [second[id] for id in common])


def _sign_flip(differences: np.ndarray, random: np.random.Generator) -> float:
    """Return the p-value: the share of sign flips whose absolute sum is at least the observed one."""
    nonzero = differences[differences != 0]
    observed = abs(nonzero.sum()) - 1e-9  # tolerance for sums of the same numbers in another order
    if not len(nonzero):
        return 1.0
    if len(nonzero) <= EXACT:
        bits = np.arange(2 ** len(nonzero))[:, None] >> np.arange(len(nonzero))
        return float(np.mean(np.abs((1 - 2 * (bits & 1)) @ nonzero) >= observed))
    extreme = 0
    for _ in range(FLIPS // BATCH):
        signs = random.choice((-1.0, 1.0), size=(BATCH, len(nonzero)))
        extreme += int(np.count_nonzero(np.abs(signs @ nonzero) >= observed))
    return (extreme + 1) / (FLIPS + 1)
