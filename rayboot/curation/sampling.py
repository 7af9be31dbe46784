"""Which candidates a training set keeps when an option bounds the number of replayed examples or of references.

Every candidate has a rank that depends on nothing but itself, the run's seed and the iteration. A bound keeps the
lowest ranks: the choice is the same whoever made the candidates, in whatever order.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.attempts import derive_seed
from rayboot.config import CurationConfig
from rayboot.curation.curate import TrainingExample


class Rank(NamedTuple):
    """A place in the order of candidates; the lowest are kept first."""

    score: float
    """As the strategy prefers: lower is better."""
    draw: int
    """A random number that decides among equal scores."""


ANY = Rank(math.inf, 0)
NONE = Rank(-math.inf, 0)
RANK_SCHEMA = pa.schema([("score", pa.float64()), ("draw", pa.int64())])


class Cut(NamedTuple):
    """The last rank that is kept, of replayed examples and of references."""

    replayed: Rank = ANY
    references: Rank = ANY


@dataclass(frozen=True)
class Sampler:
    """Ranks an iteration's candidates, and keeps as many as the recipe's bounds allow."""

    options: CurationConfig
    iteration: int
    seed: int

    @property
    def bounded(self) -> bool:
        """Whether there is anything to leave out."""
        return self._size is not None or self.options.max_reference_share is not None

    @property
    def needs_solve_rates(self) -> bool:
        return self.options.replay is not None and self.options.replay.strategy == "hardest"

    def rank(self, example: TrainingExample, solve_rate: float | None) -> Rank:
        """The place of a replayed example or a reference.

        Args:
            example: The candidate.
            solve_rate: Of its problem, where `needs_solve_rates`.
        """
        origin = (example.problem_id, example.kind, example.iteration, example.sample, example.round)
        draw = derive_seed(self.seed, self.iteration, "replay", *origin)
        strategy = self.options.replay and self.options.replay.strategy
        if example.kind == "reference" or strategy in (None, "all", "uniform"):
            return Rank(0.0, draw)
        return Rank(float(-example.iteration) if strategy == "recency" else float(solve_rate or 0.0), draw)

    def cut(self, candidates: pa.Table) -> Cut:
        """Where the ranks end that are kept. `candidates`: at least `kind`, `iteration`, `score` and `draw` of all."""
        replayed, reference = self._replayed(candidates), pc.equal(candidates["kind"], "reference")
        offered = pc.sum(replayed, min_count=0).as_py()
        size = offered if self._size is None else min(offered, self._size)
        verified = candidates.num_rows - offered - pc.sum(reference, min_count=0).as_py() + size
        share = self.options.max_reference_share
        return Cut(
            _cut(candidates.filter(replayed), size),
            ANY if share is None else _cut(candidates.filter(reference), references_beside(verified, share)),
        )

    def keep(self, candidates: pa.Table, cut: Cut) -> tuple[pa.Table, Counter[str]]:
        """The candidates within the cut, in their order, and how many were left out, by reason."""
        beyond = {
            "replay_size": _beyond(candidates, self._replayed(candidates), cut.replayed),
            "max_reference_share": _beyond(
                candidates, pc.equal(candidates["kind"], "reference"), cut.references
            ),
        }
        dropped = Counter({reason: pc.sum(mask, min_count=0).as_py() for reason, mask in beyond.items()})
        return candidates.filter(pc.invert(pc.or_(*beyond.values()))), dropped

    @property
    def _size(self) -> int | None:
        return self.options.replay.size if self.options.replay else None

    def _replayed(self, candidates: pa.Table) -> pa.ChunkedArray:
        return pc.less(candidates["iteration"], self.iteration)


def references_beside(verified: int, share: float) -> int:
    """How many references may stand beside so many verified examples, to be at most the share of all."""
    exact = Fraction(str(share))  # as the recipe has it: 0.1 in binary is a little more
    return int(exact * verified / (1 - exact))


def _cut(candidates: pa.Table, most: int) -> Rank:
    """The rank of the last one that is kept."""
    if candidates.num_rows <= most:
        return ANY
    if most == 0:
        return NONE
    order = [("score", "ascending"), ("draw", "ascending")]
    last = pc.select_k_unstable(candidates, k=most, sort_keys=order)[-1].as_py()
    return Rank(candidates["score"][last].as_py(), candidates["draw"][last].as_py())


def _beyond(candidates: pa.Table, concerned: pa.ChunkedArray, last: Rank) -> pa.ChunkedArray:
    """Which of the candidates concerned rank after the last one that is kept."""
    score, draw = candidates["score"], candidates["draw"]
    later = pc.or_(
        pc.greater(score, last.score), pc.and_(pc.equal(score, last.score), pc.greater(draw, last.draw))
    )
    return pc.and_(concerned, later)
