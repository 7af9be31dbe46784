"""Read a run directory for the report: recipe, facts, metrics and attempts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from rayboot.errors import UserError
from rayboot.metrics import Interval, MetricsRow, bootstrap_interval, headline_split
from rayboot.metrics.rows import HEADLINE_SPLITS
from rayboot.report.outcomes import ChainRow, Measures, RunChain, chains, measures
from rayboot.rollout import read_attempts
from rayboot.storage import RunDirectory, Storage

SPLITS = (*HEADLINE_SPLITS, "train")
"""Splits in the order of the report."""
WITH_ATTEMPTS = ("rollout", "evaluation")
"""Stages that write attempts."""


@dataclass(frozen=True)
class RunRecord:
    """One run, finished or not."""

    label: str
    """Name on the page, unique among the runs of a report."""
    directory: RunDirectory
    recipe: Mapping[str, object]
    """Not validated, so that a run of another version can be read."""
    recipe_text: str
    facts: Mapping[str, object]
    rows: tuple[MetricsRow, ...]

    @property
    def best(self) -> int | None:
        """Iteration that validation chose; None while the run is unfinished."""
        best = self.facts.get("best_iteration")
        return best if isinstance(best, int) else None

    @property
    def chosen(self) -> int:
        """The best iteration; of an unfinished run the latest measured one."""
        return self.iterations[-1] if self.best is None else self.best

    @cached_property
    def iterations(self) -> list[int]:
        """Numbers of the measured iterations, in order."""
        return sorted({row.iteration for row in self.rows})

    @cached_property
    def headline_split(self) -> str | None:
        """Split that represents the run; None if nothing is measured."""
        return headline_split(self.rows)

    @cached_property
    def chains(self) -> list[RunChain]:
        """All chains of the run whose attempts still exist."""
        columns = [*ChainRow.__annotations__]
        tables = self.attempts(columns)
        return [chain for iteration, table in tables for chain in chains(iteration, table.to_pylist())]

    @cached_property
    def measures(self) -> Measures:
        return measures(self.chains)

    def option(self, section: str, name: str) -> object:
        """Return an option of the recipe; None if it has no such option."""
        options = self.recipe.get(section)
        return options.get(name) if isinstance(options, Mapping) else None

    def row(self, iteration: int, split: str) -> MetricsRow | None:
        matching = (row for row in self.rows if (row.iteration, row.split) == (iteration, split))
        return next(matching, None)

    def values(self, iteration: int, split: str, metric: str) -> Mapping[str, float]:
        """Return pass@1 or repair@1 by problem; empty if the attempts do not exist any more."""
        measure = self.measures.get((iteration, split))
        if measure is None:
            return {}
        return measure.at_first if metric == "pass@1" else measure.repaired

    def interval(self, iteration: int, split: str, metric: str) -> Interval | None:
        """Return the 95 % interval of pass@1 or repair@1; None if the attempts do not exist any more."""
        values = self.values(iteration, split, metric)
        return bootstrap_interval(list(values.values())) if values else None

    def attempts(
        self, columns: Sequence[str], where: pc.Expression | None = None
    ) -> Iterator[tuple[int, pa.Table]]:
        """Yield the iteration and the attempts of every finished rollout and evaluation that still exists, in order."""
        run = self.directory
        for iteration in run.iterations():
            for stage in WITH_ATTEMPTS:
                folder = run.folder(iteration, stage)
                if run.summary(iteration, stage) is not None and run.storage.exists(folder):
                    yield iteration, read_attempts(run.storage, folder, list(columns), where)


def read_runs(uris: Sequence[str]) -> list[RunRecord]:
    """Return the runs at paths or URIs. Labels are the runs' names, or the paths of runs with the same name.

    Raise UserError if one is not a run directory, or is named twice.
    """
    storages = [Storage(uri) for uri in uris]
    paths = [storage.uri("") for storage in storages]
    if repeated := [path for path in paths if paths.count(path) > 1]:
        raise UserError(f"{repeated[0]} is named twice: give each run once")
    names = [storage.root.rpartition("/")[2] for storage in storages]
    labels = [name if names.count(name) == 1 else path for name, path in zip(names, paths, strict=True)]
    return [read_run(storage, label) for storage, label in zip(storages, labels, strict=True)]


def read_run(storage: Storage, label: str) -> RunRecord:
    """Return the run in a folder; raise UserError if the folder is not a run directory."""
    if not (storage.exists("recipe.yaml") and storage.exists("run.json")):
        raise UserError(
            f"{storage.uri('')} is not a run directory: give one that rayboot run has written, such as "
            "runs/quickstart"
        )
    directory = RunDirectory(storage)
    lines = storage.read_text("metrics.jsonl").splitlines() if storage.exists("metrics.jsonl") else []
    return RunRecord(
        label=label,
        directory=directory,
        recipe=directory.recipe(),
        recipe_text=storage.read_text("recipe.yaml"),
        facts=directory.facts(),
        rows=tuple(_row(storage, number, line) for number, line in enumerate(lines, 1)),
    )


def _row(storage: Storage, number: int, line: str) -> MetricsRow:
    try:
        return MetricsRow.model_validate_json(line)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise UserError(
            f"{storage.uri('metrics.jsonl')}, line {number}: not a row of rayboot's metrics: {reason}"
        ) from None
