"""Load the problems of a SPEC such as `mbpp:PATH/SPLIT`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, NamedTuple

from rayboot.errors import UserError
from rayboot.problems import apps, bigcodebench, humaneval, humanevalpack, jsonl, mbpp, mbxp, quixbugs
from rayboot.problems.apps import StatementExamples
from rayboot.problems.hub import HubDataset, is_hub, load_hub, parse_location
from rayboot.problems.quickstart import packaged
from rayboot.problems.rows import ItemType
from rayboot.problems.types import Problem


class Benchmark(NamedTuple, Generic[ItemType]):
    """A benchmark's loader and its data."""

    load: Callable[[Path], list[ItemType]]
    """Returns all problems or tasks of a file or folder, of all splits."""
    files: str
    """Description of the file for messages."""
    hub: HubDataset | None = None
    """Data set of `hub`; None if it is not on the hub."""


BENCHMARKS: dict[str, Benchmark[Problem]] = {
    "mbpp": Benchmark(
        mbpp.load,
        "MBPP's mbpp.jsonl or sanitized-mbpp.json",
        HubDataset(repository="google-research-datasets/mbpp", config="full"),
    ),
    "humaneval": Benchmark(
        humaneval.load, "HumanEval's HumanEval.jsonl.gz", HubDataset(repository="openai/openai_humaneval")
    ),
    "mbxp": Benchmark(
        mbxp.load,
        "a file of MBXP or multilingual HumanEval, such as mbjp_release_v1.2.jsonl",
        HubDataset(repository="mxeval/mbxp", config="python", splits=("test",)),
    ),
    "apps": Benchmark(
        apps.load,
        "APPS' folder, or a file train.jsonl or test.jsonl with the hub's columns",
        HubDataset(
            repository="codeparrot/apps",
            config="all",
            splits=("train", "test"),
            files="hf://datasets/{repository}/{split}.jsonl",
        ),
    ),
    "humanevalpack": Benchmark(
        humanevalpack.load,
        "HumanEvalPack's humanevalpack.jsonl of one language",
        HubDataset(
            repository="bigcode/humanevalpack",
            config="python",
            splits=("test",),
            files="hf://datasets/{repository}/data/{config}/data/humanevalpack.jsonl",
        ),
    ),
    "quixbugs": Benchmark(quixbugs.load, "a clone of https://github.com/jkoppel/QuixBugs"),
    "bigcodebench": Benchmark(
        bigcodebench.load,
        "BigCodeBench's BigCodeBench.jsonl.gz",
        HubDataset(repository="bigcode/bigcodebench", splits=("v0.1.4",)),
    ),
    "jsonl": Benchmark(jsonl.load, "a JSON Lines file of problems (docs/problems.md)"),
}
PACKAGED: dict[str, Callable[[], list[Problem]]] = {"quickstart": packaged}
REPOSITORY_BENCHMARKS = ("swebench", "defects4j")
"""Benchmarks whose tasks are repositories: the sandbox cannot judge them."""


def load_statement_examples(spec: str) -> list[StatementExamples]:
    """Count the examples in the statements of a SPEC's problems; none for benchmarks other than APPS."""
    if not spec.startswith("apps:"):
        return []
    _, files, hub = BENCHMARKS["apps"]
    return load_spec(spec, {"apps": Benchmark(apps.load_statement_examples, files, hub)})


def load_problems(spec: str) -> list[Problem]:
    """Return the problems of a SPEC, in the order of their file.

    A SPEC is `NAME:PATH`, `NAME:hub` (the Hugging Face hub), `NAME:hub:OWNER/NAME[:CONFIG]` or `quickstart`, followed
    by `/SPLIT` if there are splits. NAME is `mbpp`, `humaneval`, `mbxp`, `apps`, `humanevalpack`, `quixbugs`,
    `bigcodebench` or `jsonl`. PATH is a JSON Lines file, a JSON array or Parquet, plain or gzipped, or for APPS and
    QuixBugs a folder. A file at the whole PATH takes precedence over a split.

    Raise UserError if the SPEC names no known benchmark, file, data set or split, or there are bad rows.
    """
    name, colon, _ = spec.partition(":")
    if not colon:
        name, _, split = spec.partition("/")
    if name in REPOSITORY_BENCHMARKS:
        raise UserError(
            f"{spec}: {name} is judged by its own harness and not by the sandbox: "
            "see rayboot.problems.repository and docs/benchmarks-data.md"
        )
    if name not in PACKAGED:
        return load_spec(spec, BENCHMARKS, PACKAGED)
    if colon:
        raise UserError(f"{spec}: {name} comes with rayboot and takes no path: write {name} or {name}/SPLIT")
    return _select_split(PACKAGED[name](), split, spec)


def load_spec(
    spec: str, benchmarks: Mapping[str, Benchmark[ItemType]], others: Iterable[str] = ()
) -> list[ItemType]:
    """Return the problems or tasks of a SPEC with a path or `hub`; `others` are further names to suggest."""
    name, colon, location = spec.partition(":")
    if not colon:
        name = spec.partition("/")[0]
    if name not in benchmarks:
        known = [*benchmarks, *others]
        near = difflib.get_close_matches(name, known, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
        raise UserError(f"unknown benchmark {name!r}: {hint}")
    benchmark = benchmarks[name]
    if not location:
        raise UserError(f"{spec}: {name} needs the path of its file: {name}:PATH")
    if is_hub(location):
        return _load_from_hub(spec, name, location, benchmark)
    path, split = Path(location).expanduser(), ""
    if not path.exists() and path.parent.is_file():
        path, split = path.parent, path.name
    return _select_split(benchmark.load(path), split, spec)


def _load_from_hub(spec: str, name: str, location: str, benchmark: Benchmark[ItemType]) -> list[ItemType]:
    dataset, split = parse_location(location, benchmark.hub)
    alternative = f"{name}:PATH, where PATH is {benchmark.files}"
    if dataset is None:
        raise UserError(f"{spec}: {name} is not on the hub; write {alternative}")
    try:
        return load_hub(dataset, split, benchmark.load)
    except UserError as error:
        raise UserError(f"{spec}: {error}\nWithout the hub: {alternative}") from None


def _select_split(items: list[ItemType], split: str, spec: str) -> list[ItemType]:
    if not split:
        return items
    splits = sorted({item.split for item in items} - {""})
    if split in splits:
        return [item for item in items if item.split == split]
    known = f"those that exist are {', '.join(splits)}" if splits else "these problems have no splits"
    raise UserError(f"{spec}: there is no split {split}; {known}")
