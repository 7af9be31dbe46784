"""APPS: folders and rows as problems, the examples of a statement, and all given solutions in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rayboot.errors import UserError
from rayboot.problems import CallTest, Problem, StdioTest, load_problems
from rayboot.sandbox import Job, Sandbox

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TRAIN = DATA / "apps" / "train"
TEST = DATA / "apps" / "test" / "apps_10.jsonl"
needs_apps = pytest.mark.skipif(not TRAIN.is_dir(), reason="APPS' files are not at hand")

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
PAIRS = {"inputs": ["1\n", "7\n", "5\n"], "outputs": ["2\n", "14\n", "10\n"]}
SOLUTION = "print(int(input()) * 2)"


def row(**changes: Any) -> dict[str, Any]:
    """A row of the hub's data set; `input_output` and `solutions` are given as data."""
    texts: dict[str, Any] = {"input_output": PAIRS, "solutions": [SOLUTION]}
    texts |= {key: value for key, value in changes.items() if key in texts}
    base = {"problem_id": 7, "question": QUESTION, "difficulty": "interview", "url": "", "starter_code": ""}
    return base | changes | {key: json.dumps(value) for key, value in texts.items()}


def load(tmp_path: Path, *rows: dict[str, Any], name: str = "rows.jsonl") -> list[Problem]:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_problems(f"apps:{path}")


def folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in {"question.txt": QUESTION, "input_output.json": json.dumps(PAIRS), **files}.items():
        (path / name).write_text(text)
    return path


def public(problem: Problem) -> list[tuple[str, str]]:
    return [(test.stdin, test.stdout) for test in problem.public_tests if isinstance(test, StdioTest)]


def words(pairs: list[tuple[str, str]]) -> list[tuple[list[str], list[str]]]:
    return [(stdin.split(), stdout.split()) for stdin, stdout in pairs]


def test_a_row_becomes_a_problem_whose_examples_are_public(tmp_path: Path) -> None:
    assert load(tmp_path, row(), name="test.jsonl") == [
        Problem(
            id="APPS/test/7",
            benchmark="apps",
            split="test",
            difficulty="interview",
            statement=QUESTION.strip(),
            tests=(
                StdioTest(stdin="1\n", stdout="2\n", public=True),
                StdioTest(stdin="5\n", stdout="10\n", public=True),
                StdioTest(stdin="7\n", stdout="14\n"),
            ),
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


def test_a_row_with_a_function_s_name_has_calls(tmp_path: Path) -> None:
    pairs = {"fn_name": "add", "inputs": [[1, 2], [[3], [4]]], "outputs": [3, [[3, 4]]]}
    solution = "class Solution:\n    def add(self, a, b):\n        return a + b"
    (problem,) = load(tmp_path, row(input_output=pairs, solutions=[solution]))
    assert problem.entry_point == "add"
    assert problem.tests == (CallTest(args=(1, 2), expected=3), CallTest(args=([3], [4]), expected=[[3, 4]]))
    with Sandbox() as sandbox:
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


@pytest.mark.parametrize(
    "example",
    [
        "-----Example-----\nInput\n1\n\nOutput\n2\n\n-----Note-----\nTwice 1.",
        "-----Sample Input-----\n1\n\n-----Sample Output-----\n2\n\nTwice 1 is 2.",
        "-----Examples-----\nSample Input 1:\n1\nSample Output 1:\n2",
        "-----Example Input-----\n1\n-----Example Output-----\n2\n\n-----Explanation-----\nTwice 1.",
        "-----Sample Input:-----\n 1 \n-----Sample Output:-----\n2 ",
        "-----Example-----\nInput:\n1\n\nOutput:\n2",
    ],
)
def test_examples_are_found_in_every_usual_form(tmp_path: Path, example: str) -> None:
    (problem,) = load(tmp_path, row(question=f"Double it.\n\n-----Input-----\nA number.\n\n{example}"))
    assert public(problem) == [("1\n", "2\n")]
    assert problem.statement.endswith(example.rstrip())


@pytest.mark.parametrize(
    "example", ["Input\n1\n\nOutput\n3", "Input\n2\n\nOutput\n4", "Output\n2\n\nInput\n1"]
)
def test_an_example_that_is_none_of_the_tests_is_not_public(tmp_path: Path, example: str) -> None:
    (problem,) = load(tmp_path, row(question=f"Double it.\n\n-----Example-----\n{example}\n"))
    assert public(problem) == []
    assert len(problem.tests) == 3


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
        ({"problem_id": 8}, "line 2: question: Field required"),
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
def test_all_given_solutions_pass() -> None:
    problems = load_problems(f"apps:{TRAIN}")
    jobs = {
        f"{problem.id} {number}": Job(program=program, tests=problem.tests)
        for problem in problems
        for number, program in enumerate(problem.references)
    }
    assert len(jobs) == 35
    with Sandbox(workers=2) as sandbox:
        verdicts = sandbox.run_many(list(jobs.values()))
    assert not {name for name, verdict in zip(jobs, verdicts, strict=True) if not verdict.passed}


@needs_apps
@pytest.mark.parametrize(("split", "path", "count"), [("train", TRAIN, 3), ("test", TEST, 10)])
def test_public_tests_are_the_examples_that_dr_boot_cut_out(split: str, path: Path, count: int) -> None:
    cut_out = json.loads((DATA / "drboot" / f"example_test_cases_{split}.json").read_text())
    problems = load_problems(f"apps:{path}")
    assert len(problems) == count
    for problem in problems:
        pairs = cut_out[problem.id.rpartition("/")[2]]
        assert words(public(problem)) == words(list(zip(pairs["inputs"], pairs["outputs"], strict=True)))
