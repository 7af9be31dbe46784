"""QuixBugs: small programs in its repository's layout, judged as by its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayboot.errors import UserError
from rayboot.problems import AssertTest, Problem, load_problems
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits

FILES = {
    "python_programs/node.py": "class Node: ...\n",
    "python_programs/add.py": 'def add(a, b):\n    return a - b\n\n\n"""\nAdd\n\nOutput:\n    The sum\n"""\n',
    "correct_python_programs/add.py": "\ndef add(a, b):\n    return a + b\n",
    "json_testcases/add.json": "[[1, 2], 3]\n[[4, 5], 9]\n\n",
    "python_programs/flatten.py": 'def flatten(arr):\n    yield arr\n"""\nFlatten\n"""',
    "correct_python_programs/flatten.py": "def flatten(arr):\n    for x in arr:\n        yield from x\n",
    "json_testcases/flatten.json": "[[[[1], [2]]], [1, 2]]\n",
    "python_programs/hanoi.py": 'def hanoi(n):\n    return []\n"""\nHanoi\n"""',
    "correct_python_programs/hanoi.py": "def hanoi(n):\n    return [(1, 3)] * n\n",
    "json_testcases/hanoi.json": "[[2], [[1, 3], [1, 3]]]\n",
    "python_programs/sqrt.py": 'def sqrt(x, e):\n    return x\n"""\nRoot\n"""',
    "correct_python_programs/sqrt.py": "def sqrt(x, e):\n    return x ** 0.5 + e / 2\n",
    "json_testcases/sqrt.json": "[[4, 0.5], 2]\n",
    "python_programs/knapsack.py": 'def knapsack(n, items):\n    return 0\n"""\nKnapsack\n"""',
    "correct_python_programs/knapsack.py": "def knapsack(n, items):\n    while n > 9: pass\n    return n\n",
    "json_testcases/knapsack.json": "[[6404180, []], 0]\n[[5, []], 5]\n",
    "python_programs/last.py": 'def last(node):\n    return node\n\n"""\nThe last node\n"""\n',
    "python_programs/last_test.py": "from .last import last\n",
    "correct_python_programs/last.py": "def last(node):\n    while node.successor:\n        node = node.successor\n"
    '    return node\n\n"""\nOr:\n\ndef last(node): ...\n"""\n',
    "python_testcases/node.py": "class Node:\n    def __init__(self, value=None, successor=None):\n"
    "        self.value = value\n        self.successor = successor\n",
    "python_testcases/test_last.py": "import pytest\nfrom node import Node\n\nif pytest.use_correct:\n"
    "    from correct_python_programs.last import last\nelse:\n    from python_programs.last import last\n\n"
    "node1 = Node(1)\nnode2 = Node(2, node1)\n\n\ndef test1():\n    node1.successor = Node(3)\n"
    "    assert last(node2).value == 3\n\n\ndef test2():\n    assert last(node2) == node1\n",
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_a_program_with_json_tests_becomes_a_problem_of_repair(clone: Path) -> None:
    problems = load_problems(f"quixbugs:{clone}")
    assert [problem.id.removeprefix("QuixBugs/") for problem in problems] == [
        "add",
        "flatten",
        "hanoi",
        "knapsack",
        "last",
        "sqrt",
    ]
    assert problems[0] == Problem(
        id="QuixBugs/add",
        benchmark="quixbugs",
        statement="Add\n\nOutput:\n    The sum",
        entry_point="add",
        tests=(
            AssertTest(code="assert add(1, 2) == 3", public=True),
            AssertTest(code="assert add(4, 5) == 9"),
        ),
        references=("def add(a, b):\n    return a + b\n",),
        buggy_code="def add(a, b):\n    return a - b\n",
    )


def test_a_program_on_nodes_has_each_test_function_with_the_nodes_outside_of_it(clone: Path) -> None:
    problem = load_problems(f"quixbugs:{clone}")[4]
    nodes = "node1 = Node(1)\nnode2 = Node(2, node1)\n"
    assert [test.code for test in problem.tests if isinstance(test, AssertTest)] == [
        f"{nodes}def test1():\n    node1.successor = Node(3)\n    assert last(node2).value == 3\ntest1()",
        f"{nodes}def test2():\n    assert last(node2) == node1\ntest2()",
    ]
    assert problem.setup_code == FILES["python_testcases/node.py"]
    assert problem.references == (
        "def last(node):\n    while node.successor:\n        node = node.successor\n    return node\n",
    )


def test_all_correct_programs_pass_and_all_others_fail_as_in_the_benchmarks_own_tests(clone: Path) -> None:
    problems = load_problems(f"quixbugs:{clone}")
    with Sandbox(limits=Limits(timeout=60.0)) as sandbox:
        right = sandbox.run_many([Job.of(problem, problem.references[0]) for problem in problems])
        wrong = sandbox.run_many([Job.of(problem, problem.buggy_code) for problem in problems])
    assert [verdict.status for verdict in right] == ["passed"] * len(problems)
    assert not any(verdict.passed for verdict in wrong)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("json_testcases/add.json", "[[1, 2], 3]\n[1, 2, 3]\n", "add.json line 2: expected"),
        ("json_testcases/add.json", "", "add.json: no tests"),
        ("json_testcases/add.json", None, "no such file: .*test_add.py"),
        ("correct_python_programs/add.py", None, "no such file: .*correct_python_programs/add.py"),
        ("python_programs/add.py", "def add(a b):\n", "add.py line 1 is not Python"),
        ("python_testcases/node.py", None, "no such file: .*node.py"),
    ],
)
def test_a_file_that_is_missing_or_wrong_is_named(
    clone: Path, file: str, text: str | None, message: str
) -> None:
    if text is None:
        (clone / file).unlink()
    else:
        (clone / file).write_text(text)
    with pytest.raises(UserError, match=message):
        load_problems(f"quixbugs:{clone}")


def test_another_folder_is_not_a_clone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected a clone of QuixBugs"):
        load_problems(f"quixbugs:{tmp_path}")
