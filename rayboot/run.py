"""The run directory: its layout, stage markers, atomic writes, and what resuming means."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rayboot.config import Recipe, recipe_yaml
from rayboot.errors import UserError
from rayboot.storage import Storage

Summary = dict[str, Any]
"""What a finished stage leaves behind for the metrics: plain JSON."""

# Options that may differ when a run is resumed: they change how fast, how long or where, never what is written.
FREE_ON_RESUME = {
    "runs",
    "iterations",
    "generation.replicas",
    "generation.cpus",
    "rollout.workers",
    "rollout.problems_in_flight",
    "sandbox.executors",
    "sandbox.cpus",
    "training.max_failures",
}


@dataclass(frozen=True)
class RunDirectory:
    """One run's files, below `runs/NAME`."""

    storage: Storage

    @classmethod
    def open(cls, recipe: Recipe, resume: bool, facts: dict[str, Any]) -> RunDirectory:
        """Make the directory of a new run, or go on with the one that is there.

        Args:
            recipe: The resolved recipe; written to `recipe.yaml`.
            resume: Go on with an existing run (a run that does not exist yet is begun).
            facts: Versions, hardware and the like; written to `run.json`.

        Raises:
            UserError: The run exists and `resume` is false, or it was begun with another recipe.
        """
        storage = Storage(f"{recipe.runs.rstrip('/')}/{recipe.name}")
        run = cls(storage)
        if storage.exists("recipe.yaml"):
            if not resume:
                raise UserError(
                    f"{storage.uri('')} exists: go on with --resume, or choose another name with name=NAME"
                )
            _check_same_recipe(yaml.safe_load(storage.read_text("recipe.yaml")), recipe, storage.uri(""))
        storage.make_folder("iterations")
        storage.write_text("recipe.yaml", recipe_yaml(recipe))
        storage.write_text("run.json", json.dumps(facts, indent=2) + "\n")
        return run

    def folder(self, iteration: int, stage: str) -> str:
        """Name of a stage's folder, relative to the run."""
        return f"iterations/{iteration:02d}/{stage}"

    def uri(self, iteration: int, stage: str) -> str:
        """Where a finished stage's files lie, for any process to open."""
        return self.storage.uri(self.folder(iteration, stage))

    def summary(self, iteration: int, stage: str) -> Summary | None:
        """What the stage left behind; None when it is not done."""
        marker = f"{self.folder(iteration, stage)}.done"
        if not self.storage.exists(marker):
            return None
        summary: Summary = json.loads(self.storage.read_text(marker))
        return summary

    def once(self, iteration: int, stage: str, work: Callable[[str], Summary]) -> Summary:
        """Do a stage's work unless it is done already.

        `work` gets the name of a folder aside (relative to the run) and fills it; it may find there what an
        interrupted run has left. The folder is then renamed into place and the stage marked done, with the
        work's summary and the seconds that it took.
        """
        if (done := self.summary(iteration, stage)) is not None:
            return done
        name = self.folder(iteration, stage)
        aside = f"{name}.partial" if self.storage.is_local else name
        if aside != name and self.storage.exists(name):  # ended between renaming and marking
            self.storage.rename(name, aside)
        self.storage.make_folder(aside)
        started = time.monotonic()
        summary = {**work(aside), "seconds": round(time.monotonic() - started, 3)}
        if aside != name:
            self.storage.rename(aside, name)
        self.storage.write_text(f"{name}.done", json.dumps(summary))
        return summary

    def state(self, name: str) -> str:
        """A local folder for what a part must find again after the run is resumed, and nobody else needs."""
        if self.storage.is_local:
            return self.storage.path(f".{name}")
        return str(Path(tempfile.gettempdir(), f"rayboot-{os.getuid()}", "state", self.storage.root, name))

    @contextmanager
    def scratch(self, name: str) -> Iterator[str]:
        """A local path that does not exist yet, for work that writes a folder of its own; it becomes `name`."""
        self.storage.remove(name)
        if self.storage.is_local:
            yield self.storage.path(name)
            return
        with tempfile.TemporaryDirectory(prefix="rayboot-") as local:
            yield f"{local}/output"
            self.storage.upload(f"{local}/output", name)

    def write_metrics(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write `metrics.jsonl`, one JSON object a line. All rows are given each time, so that none comes twice."""
        self.storage.write_text("metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def _check_same_recipe(begun: dict[str, Any], now: Recipe, where: str) -> None:
    before, after = _flat(begun), _flat(now.model_dump(mode="json", by_alias=True))
    differing = sorted(
        key
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key) and key not in FREE_ON_RESUME
    )
    if differing:
        changes = ", ".join(f"{key} ({before.get(key)!r}, now {after.get(key)!r})" for key in differing)
        raise UserError(
            f"{where} was begun with another recipe; undo the change, or choose another name: {changes}"
        )


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
