"""Number, ids and splits of the problems in every benchmark file that is available."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rayboot.problems import load_problems
from rayboot.problems.repository import extract_patch, load_tasks

DATA = Path(__file__).parents[2].parent / "shared" / "data"
MBPP_SPLITS = {"prompt": 10, "test": 500, "validation": 90, "train": 374}
MBXP_SPLITS = {"prompt": 10, "test": 498, "validation": 87, "train": 371}
GO_SPLITS = {"prompt": 8, "test": 483, "validation": 86, "train": 362}
NO_SPLITS = {"": 164}


@pytest.mark.parametrize(
    ("spec", "splits"),
    [
        ("mbpp:mbpp/mbpp.jsonl", MBPP_SPLITS),
        ("humaneval:humaneval/HumanEval.jsonl.gz", NO_SPLITS),
        ("mbxp:mbxp/mbpp_release_v1.jsonl", MBPP_SPLITS),
        ("mbxp:mbxp/mbjsp_release_v1.2.jsonl", MBXP_SPLITS),
        ("mbxp:mbxp/mbjp_release_v1.2.jsonl", MBXP_SPLITS),
        ("mbxp:mbxp/mbplp_release_v1.jsonl", MBXP_SPLITS),
        ("mbxp:mbxp/mbgp_release_v1.1.jsonl", GO_SPLITS),
        ("mbxp:mbxp/mbswp_release_v1.jsonl", MBXP_SPLITS),
        ("mbxp:multilingual_humaneval/HumanEval.jsonl", NO_SPLITS),
        ("mbxp:multilingual_humaneval/HumanEval_javascript_v1.1.jsonl", {"": 161}),
        ("mbxp:multilingual_humaneval/HumanEval_java_v1.1.jsonl", {"": 161}),
        ("mbxp:multilingual_humaneval/HumanEval_perl_v1.1.jsonl", {"": 161}),
        ("mbxp:multilingual_humaneval/HumanEval_go_v1.jsonl", {"": 160}),
        ("mbxp:multilingual_humaneval/HumanEval_swift_v1.1.jsonl", {"": 161}),
        ("humanevalpack:humanevalpack/python/humanevalpack.jsonl", NO_SPLITS),
        ("bigcodebench:bigcodebench/BigCodeBench.jsonl.gz", {"": 1140}),
    ],
)
def test_each_file_gives_all_its_rows_with_the_benchmarks_ids_and_splits(
    spec: str, splits: dict[str, int]
) -> None:
    name, _, file = spec.partition(":")
    path = available(file)
    problems = load_problems(f"{name}:{path}")
    ids = [str(row["task_id"]) for row in rows(path)]
    assert [problem.id for problem in problems] == ([f"MBPP/{n}" for n in ids] if name == "mbpp" else ids)
    assert len(set(ids)) == len(ids)
    assert Counter(problem.split for problem in problems) == splits


@pytest.mark.parametrize(
    ("file", "split", "count"), [("apps/train", "train", 3), ("apps/test/apps_10.jsonl", "test", 10)]
)
def test_apps_folders_and_rows_are_all_read(file: str, split: str, count: int) -> None:
    problems = load_problems(f"apps:{available(file)}")
    assert len(problems) == count
    assert {problem.id.rpartition("/")[0] for problem in problems} == {f"APPS/{split}"}
    assert {problem.split for problem in problems} == {split}


def test_humanevalpacks_wrong_programs_differ_from_the_right_ones_and_the_examples_are_asserted() -> None:
    path = available("humanevalpack/python/humanevalpack.jsonl")
    problems = load_problems(f"humanevalpack:{path}")
    assert sum(len(problem.public_tests) for problem in problems) == 353
    for problem in problems:
        assert problem.references[0].startswith(problem.starter_code)
        assert problem.buggy_code.startswith(problem.starter_code)
        assert problem.buggy_code != problem.references[0]
        assert not problem.tests[-1].public
        assert problem.statement


def test_bigcodebenchs_references_are_python_with_the_function_to_write() -> None:
    for problem in load_problems(f"bigcodebench:{available('bigcodebench/BigCodeBench.jsonl.gz')}"):
        assert problem.entry_point == "task_func"
        assert "def task_func(" in problem.starter_code
        assert problem.statement
        compile(problem.references[0], problem.id, "exec")


def test_swe_bench_lite_has_300_tasks_whose_patches_are_found_in_an_answer() -> None:
    path = available("swebench/swebench_lite.jsonl")
    tasks = load_tasks(f"swebench:{path}")
    assert [task.id for task in tasks] == [row["instance_id"] for row in rows(path)]
    assert len(tasks) == 300
    for task in tasks:
        assert len(task.base_commit) == 40
        assert task.repository.replace("/", "__") == task.id.rpartition("-")[0]
        assert extract_patch(f"Here:\n```diff\n{task.reference_patch}```\nDone.") == task.reference_patch


def available(file: str) -> Path:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{file} is missing")
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return [json.loads(line) for line in text.splitlines() if line.strip()]
