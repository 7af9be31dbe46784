"""Reading files of solutions."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from rayboot.errors import UserError
from rayboot.problems import AssertTest, Problem, load_problems
from rayboot.runs.verify import read_solutions

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not (DATA / "recorded").exists(), reason="the recorded solutions are not at hand"
)


def problem(id: str, starter_code: str = "") -> Problem:
    return Problem(
        id=id,
        benchmark="x",
        statement="Do.",
        starter_code=starter_code,
        tests=(AssertTest(code="assert f()"),),
    )


PROBLEMS = [problem("MBPP/11"), problem("MBPP/12"), problem("HumanEval/3", "def f():\n")]


def file(tmp_path: Path, *rows: object) -> Path:
    path = tmp_path / "solutions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_ids_may_be_numbers_strings_or_whole_ids_and_rows_stay_in_order(tmp_path: Path) -> None:
    rows = [
        {"task_id": 12, "solution": "a", "is_solved": True},
        {"task_id": "MBPP/11", "solution": "b"},
        {"task_id": "11", "solution": "c", "completion": "ignored"},
    ]
    solutions = read_solutions(file(tmp_path, *rows), PROBLEMS)
    assert [(s.task_id, s.index, s.problem.id, s.program) for s in solutions] == [
        (12, 0, "MBPP/12", "a"),
        ("MBPP/11", 1, "MBPP/11", "b"),
        ("11", 2, "MBPP/11", "c"),
    ]


def test_a_completion_continues_the_starter_code(tmp_path: Path) -> None:
    path = file(tmp_path, {"task_id": "HumanEval/3", "completion": "    return 1"})
    assert read_solutions(path, PROBLEMS)[0].program == "def f():\n    return 1"


def test_a_program_is_extracted_from_a_models_answer(tmp_path: Path) -> None:
    answer = "Sure:\n```python\ndef f():\n    return 1\n```"
    path = file(tmp_path, {"task_id": 11, "solution": answer}, {"task_id": 3, "completion": "half \ud800"})
    [plain, broken] = read_solutions(path, PROBLEMS)
    assert (plain.program, plain.fenced, broken.program) == (answer, True, "def f():\nhalf \ufffd")
    [extracted, _] = read_solutions(path, PROBLEMS, extract=True)
    assert (extracted.program, extracted.fenced) == ("def f():\n    return 1", False)


def test_gzipped_files_and_blank_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "solutions.jsonl.gz"
    path.write_bytes(gzip.compress(b'\n{"task_id": 11, "solution": ""}\n\n{"task_id": 3, "solution": "x"}\n'))
    assert [(s.index, s.program) for s in read_solutions(path, PROBLEMS)] == [(0, ""), (1, "x")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"solution": "x"}, "task_id must be a text or a number"),
        ({"task_id": True, "solution": "x"}, "task_id must be a text or a number"),
        (
            {"task_id": 99, "solution": "x"},
            "task_id 99 is not among the problems, whose ids are like MBPP/11",
        ),
        ({"task_id": 11}, "expected the field solution"),
        ({"task_id": 11, "solution": None}, "solution must be a text, not NoneType"),
    ],
)
def test_an_error_names_the_line_of_a_wrong_row(tmp_path: Path, row: object, message: str) -> None:
    path = file(tmp_path, {"task_id": 11, "solution": "x"}, row)
    with pytest.raises(UserError, match=f"line 2: {message}"):
        read_solutions(path, PROBLEMS)


def test_a_number_that_matches_two_problems_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, {"task_id": 3, "solution": "x"})
    with pytest.raises(UserError, match="may be HumanEval/3 or MBPP/3"):
        read_solutions(path, [*PROBLEMS, problem("MBPP/3")])


@needs_data
@pytest.mark.parametrize(
    ("name", "spec", "rows"),
    [
        ("mbpp_starcoder", "mbpp:{}/mbpp/mbpp.jsonl/test", 500),
        ("humaneval_gpt35", "humaneval:{}/humaneval/HumanEval.jsonl.gz", 164),
    ],
)
def test_all_rows_of_recorded_solutions_are_read(name: str, spec: str, rows: int) -> None:
    solutions = read_solutions(DATA / "recorded" / f"{name}.jsonl", load_problems(spec.format(DATA)))
    assert [solution.index for solution in solutions] == list(range(rows))
    assert len({solution.problem.id for solution in solutions}) == rows
