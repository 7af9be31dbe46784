"""Formats of data files, and columns that versions of a benchmark have or lack."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from rayboot.errors import UserError
from rayboot.problems import AssertTest, Problem, load_problems
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits

MBPP = {
    "task_id": 2,
    "text": "Double it.",
    "code": "def f(x):\n    return 2 * x",
    "test_list": ["assert f(1) == 2"],
}
SANITIZED = {
    "source_file": "charlessutton@: Benchmark Questions Verification V2.ipynb",
    "task_id": 8,
    "prompt": "Write a function to halve a number.",
    "code": "def half(x):\n    return x / 2",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(half(3), 1.5)", "assert half(2) == 1"],
}
HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'def f(x):\n    """Double it."""\n',
    "entry_point": "f",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n",
}
MBXP = {
    "task_id": "MBPLP/2",
    "language": "perl",
    "prompt": "# Double it.\nsub f {\n",
    "description": "Double it.",
    "entry_point": "f",
    "test": "die unless f(1) == 2;",
    "canonical_solution": None,
}


def encoded(rows: list[dict[str, Any]], form: str, path: Path) -> Path:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    match form:
        case "lines":
            path.write_text(lines)
        case "array":
            path.write_text("\n" + json.dumps(rows))
        case "pretty array":
            path.write_text(json.dumps(rows, indent=2))
        case "lines after a byte order mark":
            path.write_text(lines, encoding="utf-8-sig")
        case "array after a byte order mark":
            path.write_text(json.dumps(rows, indent=1), encoding="utf-8-sig")
        case "gzipped lines":
            path.write_bytes(gzip.compress(lines.encode()))
        case "gzipped array":
            path.write_bytes(gzip.compress(json.dumps(rows).encode()))
        case "parquet":
            parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def failing(problems: list[Problem]) -> list[str]:
    with Sandbox(limits=Limits(timeout=60.0)) as sandbox:
        verdicts = sandbox.run_many([Job.of(problem, problem.references[0]) for problem in problems])
    return [problem.id for problem, verdict in zip(problems, verdicts, strict=True) if not verdict.passed]


@pytest.mark.parametrize(
    "form",
    [
        "array",
        "pretty array",
        "lines after a byte order mark",
        "array after a byte order mark",
        "gzipped lines",
        "gzipped array",
        "parquet",
    ],
)
def test_every_form_of_a_file_holds_the_same_problems(tmp_path: Path, form: str) -> None:
    rows = [MBPP, MBPP | {"task_id": 700}]
    plain = encoded(rows, "lines", tmp_path / "mbpp.jsonl")
    other = encoded(rows, form, tmp_path / "other")
    assert load_problems(f"mbpp:{other}") == load_problems(f"mbpp:{plain}")
    assert [problem.id for problem in load_problems(f"mbpp:{other}/train")] == ["MBPP/700"]


@pytest.mark.parametrize(
    ("form", "where"), [("array", "file item 2"), ("parquet", "file row 2"), ("lines", "file line 2")]
)
def test_a_bad_row_is_named_in_every_form(tmp_path: Path, form: str, where: str) -> None:
    path = encoded([MBPP, MBPP | {"task_id": 3, "code": None}], form, tmp_path / "file")
    with pytest.raises(UserError, match=f"{where}: the field code is missing"):
        load_problems(f"mbpp:{path}")


@pytest.mark.parametrize("form", ["array", "parquet"])
def test_a_truncated_file_is_reported(tmp_path: Path, form: str) -> None:
    path = encoded([MBPP] * 50, form, tmp_path / "file")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"file is (not JSON \(.*cut off|truncated or damaged \()"):
        load_problems(f"mbpp:{path}")


def test_sanitized_mbpp_has_its_own_columns_and_mbpps_ids_and_splits(tmp_path: Path) -> None:
    problems = load_problems(f"mbpp:{encoded([SANITIZED], 'array', tmp_path / 'sanitized-mbpp.json')}")
    assert problems == [
        Problem(
            id="MBPP/8",
            benchmark="mbpp",
            split="prompt",
            statement="Write a function to halve a number.",
            entry_point="half",
            tests=(
                AssertTest(code="assert math.isclose(half(3), 1.5)", public=True),
                AssertTest(code="assert half(2) == 1"),
            ),
            setup_code="import math\n",
            references=("def half(x):\n    return x / 2",),
        )
    ]
    assert failing(problems) == []


def test_the_additional_tests_of_mbpp_plus_count(tmp_path: Path) -> None:
    test = "inputs = [[2], [9]]\nresults = [1, 4.5]\nfor i, r in zip(inputs, results):\n    assert half(*i) == r\n"
    wrong = SANITIZED | {"task_id": 9, "code": "def half(x):\n    return min(x / 2, 4)"}
    rows = [SANITIZED | {"test": test}, wrong | {"test": test}, wrong | {"task_id": 10}]
    problems = load_problems(f"mbpp:{encoded(rows, 'lines', tmp_path / 'plus')}")
    assert [len(problem.tests) for problem in problems] == [3, 3, 2]
    assert failing(problems) == ["MBPP/9"]


def test_humaneval_plus_tests_may_loop_over_their_inputs(tmp_path: Path) -> None:
    test = (
        "def check(candidate):\n    for i, r in zip([[1], [2]], [2, 4]):\n        assert candidate(*i) == r\n"
    )
    rows = [
        HUMANEVAL | {"test": test},
        HUMANEVAL | {"task_id": "HumanEval/1", "test": test.replace("4", "5")},
    ]
    problems = load_problems(f"humaneval:{encoded(rows, 'parquet', tmp_path / 'plus')}")
    assert failing(problems) == ["HumanEval/1"]


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [
        ("mbpp", MBPP, "test_setup_code"),
        ("humaneval", HUMANEVAL, "canonical_solution"),
        ("mbxp", MBXP, "canonical_solution"),
        ("mbxp", MBXP, "description"),
    ],
)
def test_optional_columns_may_be_null_or_missing_and_others_are_ignored(
    tmp_path: Path, name: str, row: dict[str, Any], column: str
) -> None:
    missing = {key: value for key, value in row.items() if key != column}
    loaded = [
        load_problems(f"{name}:{encoded([each], 'lines', tmp_path / 'file')}")
        for each in (missing, missing | {column: None}, missing | {"of a later release": [1]})
    ]
    assert loaded[0] == loaded[1] == loaded[2]
    assert loaded[0][0].statement


@pytest.mark.parametrize(
    ("name", "row", "columns"),
    [
        ("mbpp", MBPP, ["task_id", "text", "code", "test_list"]),
        ("humaneval", HUMANEVAL, ["task_id", "prompt", "entry_point", "test"]),
        ("mbxp", MBXP, ["task_id", "language", "prompt", "entry_point", "test"]),
    ],
)
def test_missing_required_columns_are_named(
    tmp_path: Path, name: str, row: dict[str, Any], columns: list[str]
) -> None:
    for column in columns:
        path = encoded(
            [{key: value for key, value in row.items() if key != column}], "lines", tmp_path / column
        )
        with pytest.raises(UserError, match=f"line 1: the field {column} is missing"):
            load_problems(f"{name}:{path}")
