"""APPS: folders and rows as problems, and all its solutions in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rayboot.errors import UserError
from rayboot.problems import CallTest, Problem, StdioTest, apps, load_problems
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TRAIN = DATA / "apps" / "train"
TEST = DATA / "apps" / "test" / "apps_10.jsonl"
needs_apps = pytest.mark.skipif(not TRAIN.is_dir(), reason="APPS' files are missing")

QUESTION = """Double the number.

-----Input-----
One integer.

-----Output-----
Print one integer.

-----Examples-----
Input
1

Output
2

Input
5
Output
10

-----Note-----
Easy.
"""
STATEMENT = """Double the number.

-----Input-----
One integer.

-----Output-----
Print one integer.

Easy."""
PAIRS = {"inputs": ["1\n", "7\n", "5\n"], "outputs": ["2\n", "14\n", "10\n"]}
SOLUTION = "print(int(input()) * 2)"


def row(**changes: Any) -> dict[str, Any]:
    """Return a row of the hub's data set; `input_output` and `solutions` are passed as data."""
    texts: dict[str, Any] = {"input_output": PAIRS, "solutions": [SOLUTION]}
    texts |= {key: value for key, value in changes.items() if key in texts}
    base = {"problem_id": 7, "question": QUESTION, "difficulty": "interview", "url": "", "starter_code": ""}
    return base | changes | {key: json.dumps(value) for key, value in texts.items()}


def load(tmp_path: Path, *rows: dict[str, Any], name: str = "rows.jsonl") -> list[Problem]:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_problems(f"apps:{path}")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=2, limits=Limits(timeout=60.0)) as sandbox:
        yield sandbox


def folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in {"question.txt": QUESTION, "input_output.json": json.dumps(PAIRS), **files}.items():
        (path / name).write_text(text)
    return path


def test_a_row_becomes_a_problem_whose_examples_are_public(tmp_path: Path) -> None:
    assert load(tmp_path, row(), name="test.jsonl") == [
        Problem(
            id="APPS/test/7",
            benchmark="apps",
            split="test",
            difficulty="interview",
            statement=STATEMENT,
            tests=(
                StdioTest(stdin="1\n", stdout="2\n", public=True),
                StdioTest(stdin="5\n", stdout="10\n", public=True),
                StdioTest(stdin="7\n", stdout="14\n"),
            ),
            prelude=apps.PRELUDE,
            references=(SOLUTION,),
        )
    ]


def test_a_folder_is_the_same_problem_as_its_row(tmp_path: Path) -> None:
    files = {
        "metadata.json": '{"difficulty": "interview", "url": ""}',
        "solutions.json": json.dumps([SOLUTION]),
    }
    path = folder(tmp_path / "APPS" / "test" / "0007", **files)
    problems = load(tmp_path, row(), name="test.jsonl")
    for each in (path, path.parent, path.parent.parent):
        assert load_problems(f"apps:{each}") == problems


def test_files_that_a_folder_lacks_are_empty(tmp_path: Path) -> None:
    path = folder(tmp_path / "some" / "0012", **{"starter_code.py": "def f(x):\n"})
    (problem,) = load_problems(f"apps:{path}")
    assert (problem.id, problem.split, problem.difficulty) == ("APPS/12", "", "")
    assert (problem.references, problem.starter_code) == ((), "def f(x):\n")


def test_a_row_may_name_its_split(tmp_path: Path) -> None:
    problems = load(tmp_path, row(split="validation"), row(), name="train.jsonl")
    assert [problem.split for problem in problems] == ["validation", "train"]


def test_tests_given_as_lists_of_lines_are_joined(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, row(input_output={"inputs": [["1", "2"]], "outputs": [["3", "4"]]}))
    assert problem.tests == (StdioTest(stdin="1\n2", stdout="3\n4"),)


def test_a_row_with_a_function_s_name_has_calls(tmp_path: Path, sandbox: Sandbox) -> None:
    pairs = {"fn_name": "add", "inputs": [[1, 2], [[3], [4]]], "outputs": [3, [[3, 4]]]}
    solution = "class Solution:\n    def add(self, a, b):\n        return a + b"
    (problem,) = load(tmp_path, row(input_output=pairs, solutions=[solution]))
    assert problem.entry_point == "add"
    assert problem.tests == (CallTest(args=(1, 2), expected=3), CallTest(args=([3], [4]), expected=[[3, 4]]))
    assert sandbox.run(solution, problem.tests, entry_point="add").passed
    assert not sandbox.run(solution.replace("+", "or"), problem.tests, entry_point="add").passed


def test_a_call_with_an_integer_too_long_for_json_is_left_out(tmp_path: Path) -> None:
    outputs = f"[{'9' * 4000}, {'9' * 5000}]"
    pairs = f'{{"fn_name": "f", "inputs": [[1], [2]], "outputs": {outputs}}}'
    (problem,) = load(tmp_path, row() | {"input_output": pairs})
    assert problem.tests == (CallTest(args=(1,), expected=10**4000 - 1),)


def test_problems_without_tests_are_left_out(tmp_path: Path) -> None:
    rows = [row(problem_id=1) | {"input_output": ""}, row(problem_id=2, input_output={}), row(problem_id=3)]
    assert [problem.id for problem in load(tmp_path, *rows)] == ["APPS/3"]
    with pytest.raises(UserError, match="no problem has tests"):
        load(tmp_path, *rows[:2])


def test_a_program_may_leave_out_what_the_official_harness_imports(tmp_path: Path, sandbox: Sandbox) -> None:
    solution = "class Solution:\n    def top(self, a: List[int]) -> int:\n        return sqrt(heapq.nlargest(1, a)[0])"
    call = {"fn_name": "top", "inputs": [[[1, 4]]], "outputs": [2]}
    stdio = "print(Counter(input().split())['1'] + gcd(4, 6) - 1)"
    rows = [
        row(problem_id=1, input_output=call, solutions=[solution]),
        row(problem_id=2, input_output={"inputs": ["1 1"], "outputs": ["3"]}, solutions=[stdio]),
        row(problem_id=3, solutions=["gcd = 2\nprint(int(input()) * gcd)"]),
        row(problem_id=4, solutions=["print(int(input()) * nothing)"]),
    ]
    jobs = [Job.of(problem, problem.references[0]) for problem in load(tmp_path, *rows)]
    verdicts = sandbox.run_many(jobs)
    alone = sandbox.run_job(jobs[0].model_copy(update={"prelude": ""}))
    assert [verdict.passed for verdict in verdicts] == [True, True, True, False]
    assert verdicts[3].message == "name 'nothing' is not defined"
    assert alone.message == "name 'List' is not defined"


def test_keys_of_an_argument_are_numbers_where_all_can_be(tmp_path: Path, sandbox: Sandbox) -> None:
    pairs = {"fn_name": "f", "inputs": [[{"1": 5}], [{"a": 5}]], "outputs": [{"1": 10}, [{"a": 10}]]}
    (problem,) = load(tmp_path, row(input_output=pairs))
    program = "def f(d):\n    return {1: d[1] * 2} if 1 in d else {'a': d['a'] * 2}"
    assert sandbox.run_job(Job.of(problem, program)).passed


@pytest.mark.parametrize(
    ("result", "expected", "same"),
    [
        ("2 / 3", 0.66667, True),
        ("[(1, 2.0)]", [[1, 2]], True),
        ("'x'", ["x"], True),
        ("{1: (2,)}", {"1": [2]}, True),
        ("2 / 3", 0.667, False),
        ("100000001", 100000002, False),
        ("[2, 1]", [1, 2], False),
        ("'1'", 1, False),
        ("float('nan')", 1.5, False),
    ],
)
def test_results_of_calls_are_compared_as_data(
    result: str, expected: Any, same: bool, sandbox: Sandbox
) -> None:
    verdict = sandbox.run(
        f"def f():\n    return {result}", [CallTest(args=(), expected=expected)], entry_point="f"
    )
    assert verdict.passed is same


@pytest.mark.parametrize(
    "program",
    [
        "try:\n    print(int(input()) * 2)\n    return\nexcept:\n    print('no')",
        "for _ in [1, 2]:\n    print(int(input()) * 2)\n    return",
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(2**27)\n"
        "t = threading.Thread(target=lambda: print(int(input()) * 2))\nt.start()\nt.join()",
        "n = 0\nwhile True:\n    try:\n        n += int(input()) * 2\n    except EOFError:\n        break\nprint(n)",
        "import io, os\nprint(int(io.BytesIO(os.read(0, os.fstat(0).st_size)).readline()) * 2)",
    ],
)
def test_usual_forms_of_contest_programs_pass(program: str, sandbox: Sandbox) -> None:
    assert sandbox.run(program, [StdioTest(stdin="4\n", stdout="8\n")]).passed


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            row(input_output={"inputs": ["1"], "outputs": []}),
            "line 2: input_output has 1 inputs, but 0 outputs",
        ),
        (row() | {"input_output": '{"inputs": ['}, "line 2: input_output is not JSON"),
        (row(input_output=[1]), "line 2: input_output: "),
        (row(input_output={"fn_name": "f", "inputs": [1], "outputs": [1]}), "line 2: args: "),
        ({"problem_id": 8}, "line 2: the field question is missing"),
        (row(problem_id="0007"), "line 2: the id APPS/7 is taken already"),
    ],
)
def test_a_bad_row_is_named_by_line(tmp_path: Path, bad: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(tmp_path, row(), bad)


def test_a_folder_without_problems_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected folders with question\.txt"):
        load_problems(f"apps:{tmp_path}")
    path = folder(tmp_path / "0001", **{"metadata.json": "{"})
    with pytest.raises(UserError, match=r"metadata\.json is not JSON"):
        load_problems(f"apps:{path}")


@needs_apps
def test_all_given_solutions_pass(sandbox: Sandbox) -> None:
    problems = load_problems(f"apps:{TRAIN}")
    jobs = {
        f"{problem.id} {number}": Job.of(problem, program)
        for problem in problems
        for number, program in enumerate(problem.references)
    }
    assert len(jobs) == 35
    verdicts = sandbox.run_many(list(jobs.values()))
    assert not {name for name, verdict in zip(jobs, verdicts, strict=True) if not verdict.passed}
