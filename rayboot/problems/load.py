"""Load the problems of a dataset SPEC."""

from __future__ import annotations

from collections.abc import Callable

from rayboot.errors import UserError
from rayboot.problems import (
    apps,
    bigcodebench,
    humaneval,
    humanevalpack,
    jsonl,
    mbpp,
    mbxp,
    quickstart,
    quixbugs,
)
from rayboot.problems.apps import StatementExamples
from rayboot.problems.hub import HubDataset
from rayboot.problems.spec import Benchmark, load_spec, select_split, unknown_benchmark
from rayboot.problems.types import Problem

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
PACKAGED: dict[str, Callable[[], list[Problem]]] = {"quickstart": quickstart.packaged}
REPOSITORY_BENCHMARKS = ("swebench", "defects4j")
"""Benchmarks whose tasks are repositories: the sandbox cannot judge them."""


def load_statement_examples(spec: str) -> list[StatementExamples]:
    """Count the examples in the statements of a SPEC's problems; none for benchmarks other than APPS.

    Raises:
        UserError: As `load_problems`.
    """
    if not spec.startswith("apps:"):
        return []
    apps_benchmark = BENCHMARKS["apps"]
    return load_spec(
        spec, {"apps": Benchmark(apps.load_statement_examples, apps_benchmark.files, apps_benchmark.hub)}
    )


def load_problems(spec: str) -> list[Problem]:
    """Return the problems of a SPEC, in the order of their file.

    A SPEC is `NAME:PATH`, `NAME:hub` (the Hugging Face hub), `NAME:hub:OWNER/NAME[:CONFIG]` or `quickstart`, followed
    by `/SPLIT` if there are splits. NAME is `mbpp`, `humaneval`, `mbxp`, `apps`, `humanevalpack`, `quixbugs`,
    `bigcodebench` or `jsonl`. PATH is a JSON Lines file, a JSON array or Parquet, plain or gzipped, or for APPS and
    QuixBugs a folder. A file at the whole PATH takes precedence over a split.

    Raises:
        UserError: The SPEC names no known benchmark, file, data set or split, or there are bad rows.
    """
    name, colon, _ = spec.partition(":")
    if not colon:
        name, _, split = spec.partition("/")
    if name in REPOSITORY_BENCHMARKS:
        raise UserError(
            f"{spec}: {name} is judged by its own harness and not by the sandbox: "
            "see rayboot.problems.repository and docs/benchmarks-data.md"
        )
    if colon and name in PACKAGED:
        raise UserError(f"{spec}: {name} comes with rayboot and takes no path: write {name} or {name}/SPLIT")
    if colon:
        return load_spec(spec, BENCHMARKS, PACKAGED)
    if name in BENCHMARKS:
        raise UserError(f"{spec}: {name} needs the path of its file: {name}:PATH")
    if name not in PACKAGED:
        raise UserError(unknown_benchmark(name, [*BENCHMARKS, *PACKAGED]))
    return select_split(PACKAGED[name](), split, spec)
