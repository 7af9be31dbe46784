"""Global limits of a training set: the number of replayed examples, and the share of references.

The rank of a candidate is a function of the candidate, its problem's solve rate, the run's seed and the iteration. A
limit keeps the lowest ranks, so the choice does not depend on the order of the candidates.
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
    """Sort key of candidates; the lowest are kept."""

    score: float
    """Preference of the strategy: lower is better."""
    draw: int
    """Random number that orders equal scores."""


ANY = Rank(math.inf, 0)
NONE = Rank(-math.inf, 0)
RANK_SCHEMA = pa.schema([("score", pa.float64()), ("draw", pa.int64())])


class Cut(NamedTuple):
    """The highest rank to keep, of replayed examples and of references."""

    replayed: Rank
    references: Rank


@dataclass(frozen=True)
class Sampler:
    """Ranks an iteration's candidates, and applies the recipe's global limits."""

    options: CurationConfig
    iteration: int
    seed: int

    @property
    def bounded(self) -> bool:
        """Whether the recipe has a global limit."""
        return self._size is not None or self.options.max_reference_share is not None

    @property
    def needs_solve_rates(self) -> bool:
        return self.options.replay is not None and self.options.replay.strategy == "hardest"

    def rank(self, example: TrainingExample, solve_rate: float | None) -> Rank:
        """Return the rank of a candidate; the solve rate of its problem is used if `needs_solve_rates`."""
        origin = (example.problem_id, example.kind, example.iteration, example.sample, example.round)
        draw = derive_seed(self.seed, self.iteration, "replay", *origin)
        strategy = self.options.replay and self.options.replay.strategy
        if example.kind == "reference" or strategy in (None, "all", "uniform"):
            return Rank(0.0, draw)
        return Rank(float(-example.iteration) if strategy == "recency" else float(solve_rate or 0.0), draw)

    def cut(self, candidates: pa.Table) -> Cut:
        """Return the highest ranks to keep of all candidates, of which kind, iteration, score and draw are read."""
        replayed, references = self._replayed(candidates), _references(candidates)
        available = pc.sum(replayed, min_count=0).as_py()
        size = available if self._size is None else min(available, self._size)
        verified = candidates.num_rows - available - pc.sum(references, min_count=0).as_py() + size
        share = self.options.max_reference_share
        return Cut(
            _cut(candidates.filter(replayed), size),
            ANY if share is None else _cut(candidates.filter(references), references_beside(verified, share)),
        )

    def keep(self, candidates: pa.Table, cut: Cut) -> tuple[pa.Table, Counter[str]]:
        """Return the candidates within the cut, in order, and the number of those beyond it, by reason."""
        beyond = {
            "replay_size": _beyond(candidates, self._replayed(candidates), cut.replayed),
            "max_reference_share": _beyond(candidates, _references(candidates), cut.references),
        }
        dropped = Counter({reason: pc.sum(mask, min_count=0).as_py() for reason, mask in beyond.items()})
        return candidates.filter(pc.invert(pc.or_(*beyond.values()))), dropped

    @property
    def _size(self) -> int | None:
        return self.options.replay.size if self.options.replay else None

    def _replayed(self, candidates: pa.Table) -> pa.ChunkedArray:
        return pc.less(candidates["iteration"], self.iteration)


def _references(candidates: pa.Table) -> pa.ChunkedArray:
    return pc.equal(candidates["kind"], "reference")


def references_beside(verified: int, share: float) -> int:
    """Return the largest number of references that is at most `share` of all examples, with `verified` others."""
    exact = Fraction(str(share))  # the decimal in the recipe: the binary float for 0.1 is slightly larger
    return int(exact * verified / (1 - exact))


def _cut(candidates: pa.Table, most: int) -> Rank:
    """Return the highest rank to keep at most `most` candidates."""
    if candidates.num_rows <= most:
        return ANY
    if most == 0:
        return NONE
    order = [("score", "ascending"), ("draw", "ascending")]
    last = pc.select_k_unstable(candidates, k=most, sort_keys=order)[-1].as_py()
    return Rank(candidates["score"][last].as_py(), candidates["draw"][last].as_py())


def _beyond(candidates: pa.Table, mask: pa.ChunkedArray, last: Rank) -> pa.ChunkedArray:
    """Return a mask of the candidates within `mask` that rank after `last`."""
    score, draw = candidates["score"], candidates["draw"]
    later = pc.or_(
        pc.greater(score, last.score), pc.and_(pc.equal(score, last.score), pc.greater(draw, last.draw))
    )
    return pc.and_(mask, later)
