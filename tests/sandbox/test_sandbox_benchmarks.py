"""Real benchmarks: every reference passes, and verdicts on real models' solutions agree with recorded ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from rayboot.problems import AssertTest, Problem, StdioTest, load_problems
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs the benchmark files")

NOT_AS_RECORDED = {"MBPP/436", "MBPP/349", "HumanEval/7"}
"""Other harnesses recorded these verdicts. Run by Python itself, 436 fails and 349 passes; 7 lacks an import that its
prompt contains."""


def rows(name: str) -> list[dict[str, Any]]:
    path = DATA / name
    text = gzip.decompress(path.read_bytes()).decode() if name.endswith(".gz") else path.read_text()
    return [json.loads(line) for line in text.splitlines()]


def mbpp_tests(row: dict[str, Any]) -> tuple[AssertTest, ...]:
    return tuple(AssertTest(code=code) for code in row["test_list"])


def failures(jobs: dict[str, Job]) -> set[str]:
    with Sandbox(workers=2, limits=Limits(timeout=60.0)) as sandbox:
        verdicts = sandbox.run_many(list(jobs.values()))
    assert all(verdict.status != "sandbox_error" for verdict in verdicts)
    return {name for name, verdict in zip(jobs, verdicts, strict=True) if not verdict.passed}


REFERENCES = {
    "mbpp:mbpp/mbpp.jsonl": 974,
    "humaneval:humaneval/HumanEval.jsonl.gz": 164,
    "humanevalpack:humanevalpack/python/humanevalpack.jsonl": 164,
}


def problems(name: str) -> list[Problem]:
    benchmark, _, path = name.partition(":")
    return load_problems(f"{benchmark}:{DATA / path}")


@pytest.mark.parametrize(("name", "count"), REFERENCES.items())
def test_every_reference_passes(name: str, count: int) -> None:
    jobs = {problem.id: Job.of(problem, problem.references[0]) for problem in problems(name)}
    assert len(jobs) == count
    assert not failures(jobs)


def test_no_wrong_program_of_humanevalpack_passes() -> None:
    name = "humanevalpack:humanevalpack/python/humanevalpack.jsonl"
    jobs = {problem.id: Job.of(problem, problem.buggy_code) for problem in problems(name)}
    assert failures(jobs) == set(jobs)


def test_an_empty_body_passes_no_humaneval_problem() -> None:
    jobs = {
        row["task_id"]: Job(
            program=row["prompt"] + "    pass\n",
            tests=(AssertTest(code=f"{row['test']}\ncheck({row['entry_point']})"),),
            entry_point=row["entry_point"],
        )
        for row in rows("humaneval/HumanEval.jsonl.gz")
    }
    assert failures(jobs) == set(jobs)


def test_verdicts_on_gpt_3_5_agree_with_the_record() -> None:
    recorded = {row["task_id"]: row for row in rows("recorded/humaneval_gpt35.jsonl")}
    jobs = {
        name: Job(
            program=row["solution"],
            tests=(AssertTest(code=f"{row['test']}\ncheck({row['entry_point']})"),),
            entry_point=row["entry_point"],
        )
        for name, row in recorded.items()
    }
    unsolved = {name for name, row in recorded.items() if not row["is_solved"]}
    assert failures(jobs) ^ unsolved == NOT_AS_RECORDED & set(jobs)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_verdicts_on_starcoder_agree_with_the_record(every: int) -> None:
    tasks = {f"MBPP/{row['task_id']}": row for row in rows("mbpp/mbpp.jsonl")}
    recorded = {row["task_id"]: row for row in rows("recorded/mbpp_starcoder.jsonl")[::every]}
    jobs = {
        name: Job(
            program=row["solution"],
            setup_code=tasks[name]["test_setup_code"],
            tests=mbpp_tests(tasks[name]),
        )
        for name, row in recorded.items()
    }
    unsolved = {name for name, row in recorded.items() if not row["is_solved"]}
    assert failures(jobs) ^ unsolved == NOT_AS_RECORDED & set(jobs)


def test_apps_solutions_pass() -> None:
    jobs = {}
    for folder in sorted((DATA / "apps" / "train").iterdir()):
        if not folder.is_dir():
            continue
        pairs = json.loads((folder / "input_output.json").read_text())
        tests = tuple(
            StdioTest(stdin=i, stdout=o) for i, o in zip(pairs["inputs"], pairs["outputs"], strict=True)
        )
        for number, program in enumerate(json.loads((folder / "solutions.json").read_text())[:20]):
            jobs[f"{folder.name}/{number}"] = Job(program=program, tests=tests)
    assert len(jobs) >= 3
    assert not failures(jobs)
