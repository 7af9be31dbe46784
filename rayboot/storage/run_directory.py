"""The run directory: its layout, stage markers, atomic writes, and what resuming means."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePath
from typing import Any

import pyarrow.fs as pafs
import yaml

from rayboot.config import Recipe, recipe_yaml, upgraded
from rayboot.errors import UserError
from rayboot.storage.files import Storage, below

Summary = dict[str, Any]
"""What a finished stage leaves behind for the metrics: plain JSON."""

# Options that may differ when a run is resumed: they change how fast, how long or where, never what is written.
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
}


SAMPLING = ("rollout", "evaluation")
"""Stages that write attempts, and go on with what they have written."""

KEEP_SECONDS = 5.0
"""Time between two notes of what a stage has spent: what a killed run forgets at most."""

USED_BY = {
    "rollout": "rollout",
    "curation": "training_set",
    "training": "checkpoint",
    "algorithm.start": "checkpoint",
    "evaluation": "evaluation",
}
"""Options and sections of a recipe that a single stage uses: they may change until one has been done."""


@dataclass(frozen=True)
class RunDirectory:
    """One run's files, below `runs/NAME`."""

    storage: Storage

    @classmethod
    def of(cls, recipe: Recipe) -> RunDirectory:
        """The directory of a recipe's run, which need not exist."""
        return cls(Storage(below(recipe.runs, recipe.name)))

    @classmethod
    def open(cls, recipe: Recipe, resume: bool, facts: dict[str, Any] | None = None) -> RunDirectory:
        """Make the directory of a new run, or go on with the one that is there.

        Args:
            recipe: The resolved recipe; written to `recipe.yaml`.
            resume: Go on with an existing run (a run that does not exist yet is begun).
            facts: As for `describe`.

        Raises:
            UserError: The run exists and `resume` is false, or what it has done was done with another recipe; or the
                folder cannot be written to.
        """
        run = cls.of(recipe)
        where, begun = run.storage.uri(""), run.recipe()
        if begun:
            changed = run._changed(begun, recipe)
            if not resume and (changed or run._has_begun("*")):
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
            if any(begun.get(part) != now[part] for part in ("training", "algorithm")):
                run._forget_unfinished_refits()
            if begun.get("algorithm") != now["algorithm"]:
                run._unfinish()
            run.storage.write_text("recipe.yaml", recipe_yaml(recipe))
        if facts is not None:
            run.describe(facts)
        return run

    def recipe(self) -> dict[str, Any]:
        """What `recipe.yaml` says, not validated; empty where there is none."""
        return upgraded(dict(yaml.safe_load(self._text("recipe.yaml")) or {}))

    def facts(self) -> dict[str, Any]:
        """What `run.json` says; empty where there is none."""
        return self._json("run.json") or {}

    def describe(self, facts: dict[str, Any]) -> None:
        """Write `run.json`, unless it is there: it says where the run began, and what came out stays in it."""
        if not self.facts():
            self._write_facts(facts)

    def finish(self, best_iteration: int) -> None:
        """Say in `run.json` that the run is finished."""
        if self.facts().get("best_iteration") != best_iteration:
            self._write_facts({**self.facts(), "best_iteration": best_iteration})

    def iterations(self) -> list[int]:
        """Those that have been begun."""
        if not self.storage.exists("iterations"):
            return []
        infos = self.storage.fs.get_file_info(pafs.FileSelector(self.storage.path("iterations")))
        return sorted(int(info.base_name) for info in infos if info.base_name.isdigit())

    def folder(self, iteration: int, stage: str) -> str:
        """Name of a stage's folder, relative to the run."""
        return f"iterations/{iteration:02d}/{stage}"

    def uri(self, iteration: int, stage: str) -> str:
        """Where a finished stage's files lie, for any process to open."""
        return self.storage.uri(self.folder(iteration, stage))

    def summary(self, iteration: int, stage: str) -> Summary | None:
        """What the stage left behind; None when it is not done."""
        return self._json(f"{self.folder(iteration, stage)}.done")

    def once(
        self,
        iteration: int,
        stage: str,
        work: Callable[[str], Summary],
        keep: Callable[[], Summary] = dict,
    ) -> Summary:
        """Do a stage's work unless it is done already.

        `work` gets the name of a folder aside (relative to the run) and fills it; it may find there what an
        interrupted run has left. The folder is then renamed into place and the stage marked done, with the
        work's summary and the seconds that it took, those of interrupted runs included.

        Args:
            keep: Figures so far that a killed run shall leave for `spent`, beside the seconds; called by a thread.
        """
        if (done := self.summary(iteration, stage)) is not None:
            return done
        name = self.folder(iteration, stage)
        aside = f"{name}.partial" if self.storage.is_local else name
        if aside != name and self.storage.exists(name):  # ended between renaming and marking
            self.storage.rename(name, aside)
        self.storage.make_folder(aside)
        with self._kept(iteration, stage, keep) as seconds:
            summary = work(aside)
        summary = {**summary, "seconds": round(seconds(), 3)}
        if aside != name:
            self.storage.rename(aside, name)
        self.storage.write_text(f"{name}.done", json.dumps(summary))
        self.storage.remove(f"{name}.spent")
        return summary

    def spent(self, iteration: int, stage: str) -> Summary:
        """What interrupted runs have spent on an unfinished stage: `seconds`, and what they were to keep."""
        return self._json(f"{self.folder(iteration, stage)}.spent") or {}

    @contextmanager
    def _kept(self, iteration: int, stage: str, keep: Callable[[], Summary]) -> Iterator[Callable[[], float]]:
        """Write down what is spent on a stage while the block runs; gives the stage's seconds so far."""
        name, ended = f"{self.folder(iteration, stage)}.spent", threading.Event()
        before, began = float(self.spent(iteration, stage).get("seconds", 0.0)), time.monotonic()

        def seconds() -> float:
            return before + time.monotonic() - began

        def write() -> None:
            with suppress(OSError):  # a full disk stops the work itself
                self.storage.write_text(name, json.dumps({**keep(), "seconds": round(seconds(), 3)}))

        def watch() -> None:
            while not ended.wait(KEEP_SECONDS):
                write()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield seconds
        finally:
            ended.set()
            watcher.join()
            write()

    def state(self, name: str) -> str:
        """Path or URI of a folder for what a part must find again after the run is resumed, and nobody else needs."""
        return self.storage.uri(f".{name}")

    def forget(self, name: str) -> None:
        """Remove a part's `state`."""
        self.storage.remove(f".{name}")

    def write_metrics(self, rows: Iterable[str]) -> None:
        """Write `metrics.jsonl`, a JSON object each. All rows are given each time, so that none comes twice.

        A resumed run says again what it finds finished: rows that are there, with others after them, stay as they are.
        """
        text = "".join(row + "\n" for row in rows)
        there = self.storage.read_text("metrics.jsonl") if self.storage.exists("metrics.jsonl") else ""
        if not there.startswith(text):
            self.storage.write_text("metrics.jsonl", text)

    def _unfinish(self) -> None:
        """There are more iterations to come, of which another may be the best."""
        if "best_iteration" in (facts := self.facts()):
            self._write_facts({key: fact for key, fact in facts.items() if key != "best_iteration"})

    def _forget_unfinished_refits(self) -> None:
        """What another training would go on from."""
        self.forget("training")
        for iteration in self.iterations():
            if self.summary(iteration, "checkpoint") is None:
                for name in (f"{self.folder(iteration, 'checkpoint')}{end}" for end in ("", ".partial")):
                    self.storage.remove(name)

    def _json(self, name: str) -> Summary | None:
        """A file's JSON; None if there is none."""
        text = self._text(name)
        return dict(json.loads(text)) if text else None

    def _text(self, name: str) -> str:
        """A file's text; empty if there is none, and for what a power loss may leave of one: nothing, or zeros."""
        return self.storage.read_text(name).strip("\0\n ") if self.storage.exists(name) else ""

    def _write_facts(self, facts: dict[str, Any]) -> None:
        self.storage.write_text("run.json", json.dumps(facts, indent=2) + "\n")

    def _changed(self, begun: dict[str, Any], recipe: Recipe) -> str:
        """Options that differ from those that the run was begun with, and have had an effect on what it has done."""
        before, after = _flat(begun), _flat(recipe.model_dump(mode="json", by_alias=True))
        differing = sorted(
            key
            for key in before.keys() | after.keys()
            if before.get(key) != after.get(key)
            and not (key in FREE_ON_RESUME and key in before and key in after)
            and self._has_begun(USED_BY.get(key) or USED_BY.get(key.partition(".")[0], "*"))
        )
        return ", ".join(f"{key} ({before.get(key)!r}, now {after.get(key)!r})" for key in differing)

    def _has_begun(self, stage: str) -> bool:
        """Whether a stage of that name, or any (`*`), is done, or has left attempts."""
        paths = [PurePath(info.path) for info in self.storage.files("iterations", recursive=True)]
        done = (path for path in paths if path.suffix == ".done")
        attempts = (
            path.parent for path in paths if path.suffix == ".parquet" and path.parent.stem in SAMPLING
        )
        return any(fnmatch(path.stem, stage) for path in (*done, *attempts))


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
