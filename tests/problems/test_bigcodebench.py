"""BigCodeBench: tasks with unittest tests, which run in another process than the program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rayboot.problems import AssertTest, Problem, load_problems
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits

PROMPT = 'import re\n\ndef task_func(text):\n    """\n    The words of a text.\n    """\n'
ROW = {
    "task_id": "BigCodeBench/0",
    "complete_prompt": PROMPT,
    "instruct_prompt": "The words of a text.\nYou should write self-contained code starting with:\n```\nimport re\n```",
    "code_prompt": "import re\ndef task_func(text):\n",
    "canonical_solution": "    if text is None:\n        raise TypeError('no')\n    return re.findall(r'\\w+', text)\n",
    "test": "import unittest\nclass TestCases(unittest.TestCase):\n    def setUp(self):\n        self.text = 'a b'\n"
    "    def test_words(self):\n        self.assertEqual(task_func(self.text), ['a', 'b'])\n"
    "    def test_empty(self):\n        self.assertEqual(task_func(''), [])\n"
    "    def test_none(self):\n        with self.assertRaises(TypeError):\n            task_func(None)\n",
    "entry_point": "task_func",
    "libs": "['re']",
}


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    path = tmp_path / "BigCodeBench.jsonl"
    path.write_text(json.dumps(ROW))
    (problem,) = load_problems(f"bigcodebench:{path}")
    return problem


def test_a_row_becomes_a_problem_whose_program_continues_the_prompt(problem: Problem) -> None:
    assert (problem.id, problem.benchmark, problem.entry_point) == (
        "BigCodeBench/0",
        "bigcodebench",
        "task_func",
    )
    assert problem.statement == ROW["instruct_prompt"]
    assert problem.starter_code == PROMPT
    assert problem.references == (PROMPT + ROW["canonical_solution"],)
    (test,) = problem.tests
    assert isinstance(test, AssertTest)
    assert not test.public
    assert test.code.startswith(f"import re\n{ROW['test'].strip()}\n")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (ROW["canonical_solution"], "passed"),
        ("    return re.findall(r'\\w', text or '')\n", "failed"),
        ("    return text.split(' ')\n", "failed"),
        ("    return undefined\n", "error"),
    ],
)
def test_each_test_method_counts(problem: Problem, body: str, status: str) -> None:
    with Sandbox(limits=Limits(timeout=60.0)) as sandbox:
        verdict = sandbox.run_job(Job.of(problem, PROMPT + body))
    assert verdict.status == status, verdict.message
