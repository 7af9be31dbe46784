"""The run directory: layout, stage markers, atomic writes, and resuming."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePath

import pyarrow.fs as pafs
import yaml
from pydantic import ValidationError

from rayboot.config import Recipe, recipe_yaml, upgraded
from rayboot.errors import UserError
from rayboot.storage.files import Storage, below
from rayboot.values import JsonObject

Summary = JsonObject
"""Result of a finished stage, as JSON; metrics are written from it."""

FREE_ON_RESUME = {
    "runs",
    "algorithm.iterations",
    "generation.replicas",
    "generation.cpus",
    "rollout.workers",
    "rollout.problems_in_flight",
    "sandbox.executors",
    "sandbox.cpus",
    "training.max_failures",
    "models.*.generation.replicas",
    "models.*.generation.cpus",
}
"""Options that may change when a run is resumed: they change how fast, how long or where it runs, not its files."""

FOLDERS = {
    "rollout": "rollout",
    "curate": "training_set",
    "refit": "checkpoint",
    "evaluation": "evaluation",
}
"""Default name of each stage's folder."""
DEFAULT_NAMES = {*FOLDERS.values(), "validation_set"}

SPENT_SECONDS = 5.0
"""Interval at which a stage's spending is written; a killed run loses at most the spending of one interval."""

USED_BY = {
    "rollout": "rollout",
    "curation": "training_set",
    "training": "checkpoint",
    "algorithm.start": "checkpoint",
    "evaluation": "evaluation",
}
"""Options and sections of a recipe that only one stage uses: they may change until a stage of that name is done."""


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run, in `runs/NAME`."""

    storage: Storage

    @classmethod
    def of(cls, recipe: Recipe) -> RunDirectory:
        """Return the directory of a recipe's run, which need not exist."""
        return cls(Storage(below(recipe.runs, recipe.name)))

    @classmethod
    def open(cls, recipe: Recipe, resume: bool, facts: JsonObject | None = None) -> RunDirectory:
        """Create the directory of a new run, or open that of an existing one.

        Args:
            recipe: The resolved recipe; it is written to `recipe.yaml`.
            resume: Continue an existing run; if there is none, a new one begins.
            facts: Argument of `describe`.

        Raise UserError if the run exists and `resume` is false; a stage of it was done with another recipe; or the
        folder cannot be written to.
        """
        run = cls.of(recipe)
        where, begun = run.storage.uri(""), _with_defaults(run.recipe())
        if begun:
            changed = run._changed(begun, recipe)
            if not resume and (changed or run._begun_stages()):
                raise UserError(
                    f"{where} exists: go on with --resume, or choose another name with name=NAME"
                    + (f". Its recipe differs in {changed}" if changed else "")
                )
            if changed:
                raise UserError(
                    f"{where} was begun with another recipe; undo the change, or choose another name: {changed}"
                )
        run.storage.require_writable()
        run.storage.make_folder("iterations")
        if begun != (now := recipe.model_dump(mode="json", by_alias=True)):
            if _refitted_by(begun) != _refitted_by(now):
                run._remove_unfinished_refits()
            if begun.get("algorithm") != now["algorithm"]:
                run._unfinish()
            run.storage.write_text("recipe.yaml", recipe_yaml(recipe))
        if facts is not None:
            run.describe(facts)
        return run

    def recipe(self) -> JsonObject:
        """Return the content of `recipe.yaml`, not validated; empty if the file does not exist."""
        try:
            recipe = yaml.safe_load(self._text("recipe.yaml")) or {}
        except yaml.YAMLError:
            recipe = None
        if not isinstance(recipe, dict):
            raise UserError(f"{self.storage.uri('recipe.yaml')} is not a recipe: restore it")
        return upgraded(recipe)

    def facts(self) -> JsonObject:
        """Return the content of `run.json`; empty if the file does not exist."""
        return self._json("run.json") or {}

    def describe(self, facts: JsonObject) -> None:
        """Write `run.json` unless it exists: it keeps the facts of the run's start, and the best iteration."""
        if not self.facts():
            self._write_facts(facts)

    def finish(self, best_iteration: int) -> None:
        """Record the best iteration in `run.json`, which marks the run as finished."""
        if self.facts().get("best_iteration") != best_iteration:
            self._write_facts({**self.facts(), "best_iteration": best_iteration})

    def iterations(self) -> list[int]:
        """Return the numbers of the iterations that have begun, in order."""
        if not self.storage.exists("iterations"):
            return []
        infos = self.storage.fs.get_file_info(pafs.FileSelector(self.storage.path("iterations")))
        return sorted(int(info.base_name) for info in infos if info.base_name.isdigit())

    def folder(self, iteration: int, stage: str) -> str:
        """Return the name of a stage's folder, relative to the run directory."""
        return f"iterations/{iteration:02d}/{stage}"

    def uri(self, iteration: int, stage: str) -> str:
        """Return the path or URI of a stage's folder, which any process can open."""
        return self.storage.uri(self.folder(iteration, stage))

    def summary(self, iteration: int, stage: str) -> Summary | None:
        """Return the summary of a stage; None if it is not done."""
        return self._json(f"{self.folder(iteration, stage)}.done")

    def once(
        self,
        iteration: int,
        stage: str,
        work: Callable[[str], Summary],
        spending: Callable[[], Summary] = dict,
    ) -> Summary:
        """Do a stage's work unless it is done already, and return the stage's summary.

        `work` gets the name of a temporary folder (relative to the run directory) and fills it. The folder may hold
        files of an interrupted run. It is then renamed to the stage's folder, and the stage is marked as done, with the
        summary of `work` and the seconds that it took, including those of interrupted runs.

        Args:
            spending: Returns figures so far, to be read by `spent` after an interruption; called in a thread.
        """
        if (done := self.summary(iteration, stage)) is not None:
            return done
        name = self.folder(iteration, stage)
        temporary = f"{name}.partial" if self.storage.is_local else name
        if temporary != name and self.storage.exists(name):  # killed between renaming and marking
            self.storage.rename(name, temporary)
        self.storage.make_folder(temporary)
        with self._recorded_spending(iteration, stage, spending) as seconds:
            summary = work(temporary)
        summary = {**summary, "seconds": round(seconds(), 3)}
        if temporary != name:
            self.storage.rename(temporary, name)
        self.storage.write_text(f"{name}.done", json.dumps(summary))
        self.storage.remove(f"{name}.spent")
        return summary

    def spent(self, iteration: int, stage: str) -> Summary:
        """Return what interrupted runs have spent on an unfinished stage: `seconds`, and the figures of `spending`."""
        return self._json(f"{self.folder(iteration, stage)}.spent") or {}

    @contextmanager
    def _recorded_spending(
        self, iteration: int, stage: str, spending: Callable[[], Summary]
    ) -> Iterator[Callable[[], float]]:
        """Write a stage's spending at intervals while the block runs; yield a function for the seconds so far."""
        name, ended = f"{self.folder(iteration, stage)}.spent", threading.Event()
        before, began = float(self.spent(iteration, stage).get("seconds", 0.0)), time.monotonic()

        def seconds() -> float:
            return before + time.monotonic() - began

        def write() -> None:
            with suppress(OSError):  # a full disk fails the work itself
                self.storage.write_text(name, json.dumps({**spending(), "seconds": round(seconds(), 3)}))

        def write_regularly() -> None:
            while not ended.wait(SPENT_SECONDS):
                write()

        writer = threading.Thread(target=write_regularly, daemon=True)
        writer.start()
        try:
            yield seconds
        finally:
            ended.set()
            writer.join()
            write()

    def state(self, name: str) -> str:
        """Return the path or URI of a hidden folder for state that a component needs after the run is resumed."""
        return self.storage.uri(f".{name}")

    def remove_state(self, name: str) -> None:
        """Remove the folder of `state(name)`."""
        self.storage.remove(f".{name}")

    def write_metrics(self, rows: Iterable[str]) -> None:
        """Write `metrics.jsonl`, one line per row.

        A resumed run writes the rows of finished iterations again: a file that begins with these rows stays unchanged.

        Args:
            rows: All rows of the run so far, each a JSON object.
        """
        text = "".join(row + "\n" for row in rows)
        existing = self.storage.read_text("metrics.jsonl") if self.storage.exists("metrics.jsonl") else ""
        if not existing.startswith(text):
            self.storage.write_text("metrics.jsonl", text)

    def _unfinish(self) -> None:
        """Remove the best iteration from `run.json`: later iterations may be better."""
        if "best_iteration" in (facts := self.facts()):
            self._write_facts({key: fact for key, fact in facts.items() if key != "best_iteration"})

    def _remove_unfinished_refits(self) -> None:
        """Remove the state of unfinished refits: a refit with other options must not resume from it."""
        self.remove_state("training")
        for iteration in self.iterations():
            if self.summary(iteration, "checkpoint") is None:
                for name in (
                    f"{self.folder(iteration, 'checkpoint')}{suffix}" for suffix in ("", ".partial")
                ):
                    self.storage.remove(name)

    def _json(self, name: str) -> Summary | None:
        """Return a file's JSON; None if the file does not exist or is empty."""
        text = self._text(name)
        if not text:
            return None
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise UserError(f"{self.storage.uri(name)} is not a JSON object: restore it")
        return data

    def _text(self, name: str) -> str:
        """Return a file's text; empty if it does not exist. A power loss may leave a file empty or full of zeros."""
        return self.storage.read_text(name).strip("\0\n ") if self.storage.exists(name) else ""

    def _write_facts(self, facts: JsonObject) -> None:
        self.storage.write_text("run.json", json.dumps(facts, indent=2) + "\n")

    def _changed(self, begun: JsonObject, recipe: Recipe) -> str:
        """Describe the options that differ from the run's recipe and have affected a stage that has begun."""
        stages = self._begun_stages()
        before, after = _flat(begun), _flat(recipe.model_dump(mode="json", by_alias=True))
        differing = sorted(
            key
            for key in before.keys() | after.keys()
            if before.get(key) != after.get(key)
            and not (_is_free(key) and key in before and key in after)
            and _any_matches(stages, USED_BY.get(key) or USED_BY.get(key.partition(".")[0], "*"))
        )
        return ", ".join(f"{key} ({before.get(key)!r}, now {after.get(key)!r})" for key in differing)

    def _begun_stages(self) -> set[str]:
        """Return the names of the stages that are done or have written attempts."""
        begun = set()
        for info in self.storage.files("iterations", recursive=True):
            _, entry, *_ = PurePath(info.path).relative_to(self.storage.path("iterations")).parts
            name, kind = PurePath(entry).stem, PurePath(info.path).suffix
            if kind == ".done" or (kind == ".parquet" and name not in ("training_set", "validation_set")):
                begun.add(name)
        return begun


def _any_matches(stages: set[str], pattern: str) -> bool:
    """Return whether a stage matches, or has a name of its own, which may be of any kind."""
    return any(fnmatch(name, pattern) or name not in DEFAULT_NAMES for name in stages)


def _flat(data: JsonObject, prefix: str = "") -> JsonObject:
    flat: JsonObject = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _refitted_by(recipe: JsonObject) -> JsonObject:
    """Return the options that decide the weights of a refit."""
    options = _flat({name: recipe.get(name) or {} for name in ("algorithm", "training")})
    return {key: value for key, value in options.items() if not _is_free(key)}


def _is_free(key: str) -> bool:
    return any(fnmatch(key, free) for free in FREE_ON_RESUME)


def _with_defaults(recipe: JsonObject) -> JsonObject:
    """Return a recipe of an earlier version with the defaults of the options that it lacks."""
    with suppress(ValidationError):
        return Recipe.model_validate(recipe).model_dump(mode="json", by_alias=True)
    return recipe
