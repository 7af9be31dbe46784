"""Examples of APPS statements: none is left in a prompt, those that are tests are public, broken ones are counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rayboot.problems import CallTest, Problem, StdioTest, apps, load_problems
from rayboot.problems.apps_calls import cut_calls, printed_calls
from rayboot.problems.apps_examples import cut_examples
from rayboot.prompts import PromptBuilder
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SPLITS = {"train": DATA / "apps" / "train", "test": DATA / "apps" / "test" / "apps_10.jsonl"}
DRBOOT = DATA / "drboot"
needs_apps = pytest.mark.skipif(not DRBOOT.is_dir(), reason="the files of APPS and Dr. Boot are missing")

SPEC = "Double it.\n\n-----Input-----\nA number.\n\n-----Output-----\nA number."
PAIRS = {"inputs": ["1\n", "7\n", "5\n"], "outputs": ["2\n", "14\n", "10\n"]}


def load(tmp_path: Path, question: str, pairs: dict[str, Any] = PAIRS) -> Problem:
    (problem,) = load_problems(f"apps:{write(tmp_path, question, pairs)}")
    return problem


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(limits=Limits(timeout=60.0)) as sandbox:
        yield sandbox


def write(tmp_path: Path, question: str, pairs: dict[str, Any]) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"problem_id": 1, "question": question, "input_output": json.dumps(pairs)}))
    return path


def public(problem: Problem) -> list[tuple[str, str]]:
    return [(test.stdin, test.stdout) for test in problem.public_tests if isinstance(test, StdioTest)]


@pytest.mark.parametrize(
    "example",
    [
        "-----Example-----\nInput\n1\n\nOutput\n2\n\n-----Note-----\nTwice 1.",
        "-----Sample Input-----\n1\n\n-----Sample Output-----\n2\n\nTwice 1 is 2.",
        "-----Examples-----\nSample Input 1:\n1\nSample Output 1:\n2",
        "-----Example Input-----\n1\n-----Example Output-----\n2\n\n-----Explanation-----\nTwice 1.",
        "-----Sample Input:-----\n 1 \n-----Sample Output:-----\n2 ",
        "-----Sample input 1 :-----\n1\n-----Sample output 2 :-----\n2\n\n-----EXPLANATION:-----\nTwice 1.",
        "-----Sample Input-----\n1\n-----Example Ouput-----\n2\n",
        "-----Example-----\nInput:\n1\n\nOutput:\n2",
        "-----Example-----\nInput:1\nOutput:2",
        "-----EXAMPLE-----Input:\n1\nOutput:\n2\n\nExplanation\nTwice 1.",
        "===== Sample Input =====\n1\n===== Sample Output =====\n2",
        "Sample Input:\n1\n\nSample Output:\n2",
        "-----Примеры-----\nВходные данные\n1\n\nВыходные данные\n2\n\n-----Примечание-----\nОтвет 2.",  # noqa: RUF001
    ],
)
def test_examples_are_found_and_cut_in_every_usual_form(tmp_path: Path, example: str) -> None:
    problem = load(tmp_path, f"{SPEC}\n\n{example}")
    assert problem.statement == SPEC
    assert public(problem) == [("1\n", "2\n")]
    assert [test.public for test in problem.tests] == [True, False, False]


def test_text_between_and_after_examples_stays() -> None:
    text = f"{SPEC}\n\n-----Sample Input-----\n1\n\n2 2\n\n-----Sample Output-----\n2\n\n-----Constraints-----\nN < 9"
    cut = cut_examples(text)
    assert cut.statement == f"{SPEC}\n\n-----Constraints-----\nN < 9"
    assert cut.examples[0].input.split() == ["1", "2", "2"]


def test_a_note_keeps_its_definitions_before_the_examples() -> None:
    note = "A string is good if it is no palindrome.\n\nIn the first sample 1 is doubled.\n\nSo it is."
    cut = cut_examples(f"{SPEC}\n\n-----Example-----\nInput\n1\n\nOutput\n2\n\n-----Note-----\n{note}")
    assert cut.statement == f"{SPEC}\n\nA string is good if it is no palindrome."


def test_copies_of_an_example_are_cut_too() -> None:
    cut = cut_examples(f"Such as\n3 4\n5 6\n\n{SPEC}\n\n-----Example-----\nInput\n3 4\n5 6\n\nOutput\n7")
    assert cut.statement == f"Such as\n\n{SPEC}"


@pytest.mark.parametrize(
    ("example", "counted"),
    [
        ("Input\n1\n\nOutput\n3", (0, 1, 0)),
        ("Input\n2\n\nOutput\n4", (0, 0, 1)),
        ("Output\n2\n\nInput\n1", (0, 0, 0)),
        ("Input\n1\n\nOutput\n2\n\nInput\n7\n\nOutput\n15", (1, 1, 0)),
    ],
)
def test_a_broken_example_is_counted_and_fails_no_right_program(
    tmp_path: Path, sandbox: Sandbox, example: str, counted: tuple[int, int, int]
) -> None:
    question = f"{SPEC}\n\n-----Examples-----\n{example}\n"
    problem = load(tmp_path, question)
    (examples,) = apps.load_statement_examples(write(tmp_path, question, PAIRS))
    assert examples.id == problem.id
    assert (examples.public, examples.broken, examples.unknown) == counted
    assert (problem.statement, len(problem.tests), len(public(problem))) == (SPEC, 3, counted[0])
    assert sandbox.run_job(Job.of(problem, "print(int(input()) * 2)")).passed


LEETCODE = """Find the missing number.

Example 1:
Input: arr = [2,3], k = 1, deep = true
Output: 9
Explanation: It is missing.

It really is.

Example 2:

Input: arr = [7],
k = 0, deep = false
Output: "x"


Constraints:

1 <= k <= 1000"""
CODEWARS = """Write a function that adds. It must be fast.

## Examples

```python
add_up(1, 2) // => 3
```
For instance, `add_up(1, 1)` should return `2`. Beware of negatives.

[1, "a"], 5  =>  "a5"
addUp("f(x)", 0) === null; // as ever
add_up(a, b) is called with integers."""


def test_examples_of_functions_are_found_as_leetcode_prints_them(tmp_path: Path) -> None:
    inputs = [[[1], 1, True], [[2, 3], 1, True], [[7], 0, False]]
    problem = load(tmp_path, LEETCODE, {"fn_name": "find", "inputs": inputs, "outputs": [5, [9], "x"]})
    assert problem.statement == "Find the missing number.\n\nConstraints:\n\n1 <= k <= 1000"
    assert [test.args[0] for test in problem.public_tests if isinstance(test, CallTest)] == [[2, 3], [7]]


def test_examples_of_functions_are_found_as_codewars_prints_them() -> None:
    assert cut_calls(cut_examples(CODEWARS).statement, "add_up") == (
        "Write a function that adds. It must be fast.\n\n"
        "Beware of negatives.\n\nadd_up(a, b) is called with integers."
    )
    assert [tuple(example) for example in printed_calls(CODEWARS, "add_up")] == [
        ([1, 2], 3),
        ([1, 1], 2),
        ([[1, "a"], 5], "a5"),
        (["f(x)", 0], None),
    ]


def test_a_question_of_examples_only_is_unchanged(tmp_path: Path) -> None:
    question = "-----Example-----\nInput\n1\n\nOutput\n2"
    assert load(tmp_path, question).statement == question


@needs_apps
@pytest.mark.parametrize(("split", "count"), [("train", 3), ("test", 10)])
def test_no_example_that_dr_boot_removed_is_left_in_a_prompt_and_all_give_feedback(
    split: str, count: int
) -> None:
    removed = json.loads((DRBOOT / f"example_test_cases_{split}.json").read_text())
    problems = load_problems(f"apps:{SPLITS[split]}")
    assert len(problems) == count
    for problem in problems:
        pairs = removed[problem.id.rpartition("/")[2]]
        examples = list(zip(pairs["inputs"], pairs["outputs"], strict=True))
        prompt = PromptBuilder(len, 100_000).first(problem)
        assert prompt is not None
        lines = [line.strip() for line in prompt.splitlines()]
        for text in (text.strip() for pair in examples for text in pair):
            assert text not in lines
            assert len(text) < 4 or text not in prompt
        assert words(public(problem)) == words(examples)


@needs_apps
def test_all_examples_of_dr_boot_are_found_in_the_forms_of_the_sites() -> None:
    """The statements are not available: the examples are printed here as Codeforces and AtCoder print them."""
    texts = (DRBOOT / f"example_test_cases_{split}.json" for split in SPLITS)
    entries = [entry for text in texts for entry in json.loads(text.read_text()).values() if entry]
    checked = 0
    for entry in entries[::7]:
        examples = list(zip(entry["inputs"], entry["outputs"], strict=True))
        if any("Explanation" in output for _, output in examples):
            continue
        codeforces = "\n".join(f"Input\n{i.strip()}\n\nOutput\n{o.strip()}\n" for i, o in examples)
        atcoder = "\n\n".join(
            f"-----Sample Input-----\n{i.strip()}\n\n-----Sample Output-----\n{o.strip()}\n\nSo it is."
            for i, o in examples
        )
        for printed in (f"-----Examples-----\n{codeforces}\n-----Note-----\n\nSee 1.", atcoder):
            cut = cut_examples(f"{SPEC}\n\n{printed}")
            assert cut.statement == SPEC
            assert [e.input.split() for e in cut.examples] == [i.split() for i, _ in examples]
            ends = [e.output.replace("So it is.", "").split() for e in cut.examples]
            assert ends == [o.split() for _, o in examples]
        checked += 1
    assert checked > 900


def words(pairs: list[tuple[str, str]]) -> list[tuple[list[str], list[str]]]:
    return [(stdin.split(), stdout.split()) for stdin, stdout in pairs]
