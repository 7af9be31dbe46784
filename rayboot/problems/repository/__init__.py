"""Benchmarks whose tasks are repositories, SWE-bench and Defects4J: from tasks to prompts and patches, and to outcomes.

The sandbox cannot judge these: a verdict needs a checkout with its dependencies, which the benchmarks' own harnesses
build. So a task is shown to a model as text, the model's patch is written to the file that the harness reads, and the
harness's report is read.
"""

from __future__ import annotations

from rayboot.problems.hub import HubDataset
from rayboot.problems.load import Benchmark, load_spec
from rayboot.problems.repository import defects4j, swebench
from rayboot.problems.repository.patch import changed_files, extract_patch, reversed_patch
from rayboot.problems.repository.tasks import Outcome, Prediction, RepositoryTask, prompt_for

__all__ = [
    "Outcome",
    "Prediction",
    "RepositoryTask",
    "changed_files",
    "extract_patch",
    "load_tasks",
    "prompt_for",
    "reversed_patch",
]

BENCHMARKS: dict[str, Benchmark[RepositoryTask]] = {
    "swebench": Benchmark(
        swebench.load,
        "a file of SWE-bench, Lite or Verified with the hub's columns",
        HubDataset(repository="princeton-nlp/SWE-bench_Lite", splits=("test",)),
    ),
    "defects4j": Benchmark(defects4j.load, "a clone of https://github.com/rjust/defects4j"),
}


def load_tasks(spec: str) -> list[RepositoryTask]:
    """Return the tasks of a SPEC.

    A SPEC is `swebench:PATH`, `defects4j:FOLDER`, `swebench:hub` or `swebench:hub:OWNER/NAME[:CONFIG]`, the last two
    optionally followed by `/SPLIT`. Raise UserError if it names no known benchmark, file, data set or split, or there
    are bad rows.
    """
    return load_spec(spec, BENCHMARKS)
