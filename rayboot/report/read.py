"""What a run's folder says of it: the recipe, the facts, the metrics, and which attempts are there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.errors import UserError
from rayboot.metrics import MetricsRow, headline_split
from rayboot.metrics.rows import HEADLINE_SPLITS
from rayboot.rollout import read_attempts
from rayboot.storage import RunDirectory, Storage

Row = dict[str, Any]
"""Of an attempts file."""

SPLITS = (*HEADLINE_SPLITS, "train")
"""In the order in which a reader wants them."""
WITH_ATTEMPTS = ("rollout", "evaluation")
"""Stages that write attempts."""


@dataclass(frozen=True)
class RunRecord:
    """One run, as far as it has come."""

    label: str
    """What the page calls it: unique among the runs of a report."""
    directory: RunDirectory
    recipe: dict[str, Any]
    """As written; not validated, so that a run of another version can be read."""
    recipe_text: str
    facts: dict[str, Any]
    rows: tuple[MetricsRow, ...]

    @property
    def best(self) -> int | None:
        """The iteration that validation chose; None while the run is unfinished."""
        return self.facts.get("best_iteration")

    @property
    def iterations(self) -> list[int]:
        """Those that have been measured."""
        return sorted({row.iteration for row in self.rows})

    def row(self, iteration: int, split: str) -> MetricsRow | None:
        found = (row for row in self.rows if (row.iteration, row.split) == (iteration, split))
        return next(found, None)

    @property
    def headline_split(self) -> str | None:
        """The split whose numbers stand for the run; None when nothing is measured."""
        return headline_split(self.rows)

    def attempts(
        self, columns: Sequence[str], where: pc.Expression | None = None
    ) -> Iterator[tuple[int, pa.Table]]:
        """Iteration and attempts of every rollout and evaluation that is done and still there, in order."""
        run = self.directory
        for iteration in run.iterations():
            for stage in WITH_ATTEMPTS:
                folder = run.folder(iteration, stage)
                if run.summary(iteration, stage) is not None and run.storage.exists(folder):
                    yield iteration, read_attempts(run.storage, folder, list(columns), where)


def read_runs(uris: Sequence[str]) -> list[RunRecord]:
    """The runs at paths or URIs; those of one name are called by their paths.

    Raises:
        UserError: One is no run directory, or is named twice.
    """
    storages = [Storage(uri) for uri in uris]
    places = [storage.uri("") for storage in storages]
    if twice := [place for place in places if places.count(place) > 1]:
        raise UserError(f"{twice[0]} is named twice: give each run once")
    names = [storage.root.rpartition("/")[2] for storage in storages]
    labels = [name if names.count(name) == 1 else place for name, place in zip(names, places, strict=True)]
    return [read_run(storage, label) for storage, label in zip(storages, labels, strict=True)]


def read_run(storage: Storage, label: str) -> RunRecord:
    """One run.

    Raises:
        UserError: The folder is no run directory.
    """
    if not (storage.exists("recipe.yaml") and storage.exists("run.json")):
        raise UserError(
            f"{storage.uri('')} is no run directory: give one that rayboot run has made, such as runs/quickstart"
        )
    recipe = storage.read_text("recipe.yaml")
    lines = storage.read_text("metrics.jsonl").splitlines() if storage.exists("metrics.jsonl") else []
    return RunRecord(
        label=label,
        directory=RunDirectory(storage),
        recipe=RunDirectory(storage).recipe(),
        recipe_text=recipe,
        facts=json.loads(storage.read_text("run.json")),
        rows=tuple(map(MetricsRow.model_validate_json, lines)),
    )
