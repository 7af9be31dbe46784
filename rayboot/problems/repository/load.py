"""Load the tasks of a dataset SPEC."""

from __future__ import annotations

from rayboot.problems.hub import HubDataset
from rayboot.problems.repository import defects4j, swebench
from rayboot.problems.repository.types import RepositoryTask
from rayboot.problems.spec import Benchmark, load_spec

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
    optionally followed by `/SPLIT`.

    Raises:
        UserError: The SPEC names no known benchmark, file, data set or split, or there are bad rows.
    """
    return load_spec(spec, BENCHMARKS)
