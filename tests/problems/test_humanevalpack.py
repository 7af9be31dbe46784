"""HumanEvalPack: rows as problems of repair, and verdicts on their correct and wrong programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rayboot.errors import UserError
from rayboot.problems import AssertTest, Problem, load_problems
from rayboot.problems.humanevalpack import PRELUDE
from rayboot.sandbox.inside.languages import LANGUAGES, missing
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits

PYTHON = {
    "task_id": "Python/0",
    "prompt": 'def double(x):\n    """ Twice.\n    >>> double(1)\n    2\n    """\n',
    "docstring": "Twice.\n>>> double(1)\n2",
    "canonical_solution": "    return 2 * x\n",
    "buggy_solution": "    return x ** 2\n",
    "test": "\n\ndef check(double):\n    assert True\n    assert double(1) == 2\n    assert double(5) == 10\n\n"
    "check(double)",
    "example_test": "def check(double):\n    assert True\n    assert double(1) == 2\n    assert double(2) == 5\n"
    "check(double)\n",
    "entry_point": "double",
    "bug_type": "operator misuse",
}
JAVASCRIPT = PYTHON | {
    "task_id": "JavaScript/0",
    "prompt": "/* Twice. */\nconst double = (x) => {\n",
    "canonical_solution": "  return 2 * x;\n}\n",
    "buggy_solution": "  return x ** 2;\n}\n",
    "test": "const testDouble = () => {\n  console.assert(double(1) === 2)\n  console.assert(double(5) === 10)\n}\n\n"
    "testDouble()\n",
}
JAVA = PYTHON | {
    "task_id": "Java/0",
    "prompt": "import java.util.*;\nimport java.util.stream.*;\n\nclass Solution {\n    public int twice(int x) {\n",
    "canonical_solution": "        return 2 * x;\n    }\n}",
    "buggy_solution": "        return x * x;\n    }\n}",
    "test": "public class Main {\n    public static void main(String[] args) {\n        Solution s = new Solution();\n"
    "        List<Boolean> correct = IntStream.range(1, 6).mapToObj(n -> s.twice(n) == n + n)"
    ".collect(Collectors.toList());\n"
    "        if (correct.contains(false)) {\n            throw new AssertionError();\n        }\n    }\n}",
    "entry_point": "twice",
}
GO = PYTHON | {
    "task_id": "Go/0",
    "prompt": 'import (\n    "sort"\n)\n\n// Sorted, and each twice.\nfunc Doubles(x []int) []int {\n',
    "canonical_solution": "    sort.Ints(x)\n    for i := range x {\n        x[i] *= 2\n    }\n    return x\n}\n",
    "buggy_solution": "    for i := range x {\n        x[i] = int(math.Abs(float64(x[i])))\n    }\n    return x\n}\n",
    "test": "func TestDoubles(t *testing.T) {\n    assert := assert.New(t)\n"
    "    rng := rand.New(rand.NewSource(42))\n    n := rng.Intn(1) + 3\n"
    "    assert.Equal([]int{2, 2 * n}, Doubles([]int{n, 1}), `both`)\n}\n",
    "test_setup": 'package main\n\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)\n',
    "entry_point": "Doubles",
}


def load(tmp_path: Path, *rows: dict[str, Any]) -> list[Problem]:
    path = tmp_path / "humanevalpack.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_problems(f"humanevalpack:{path}")


def test_a_row_becomes_a_problem_of_repair_whose_asserted_examples_are_public(tmp_path: Path) -> None:
    prompt = str(PYTHON["prompt"])
    assert load(tmp_path, PYTHON) == [
        Problem(
            id="Python/0",
            benchmark="humanevalpack",
            statement="Twice.\n>>> double(1)\n2",
            starter_code=prompt,
            entry_point="double",
            tests=(
                AssertTest(code="assert double(1) == 2", public=True),
                AssertTest(code=str(PYTHON["test"]).strip()),
            ),
            prelude=PRELUDE,
            references=(prompt + "    return 2 * x\n",),
            buggy_code=prompt + "    return x ** 2\n",
        )
    ]


@pytest.mark.parametrize("row", [PYTHON, JAVASCRIPT, JAVA, GO], ids=lambda row: str(row["task_id"]))
def test_the_right_program_passes_and_the_wrong_one_fails(tmp_path: Path, row: dict[str, Any]) -> None:
    (problem,) = load(tmp_path, row)
    if problem.language != "python" and missing(LANGUAGES[problem.language]):
        pytest.skip(f"no toolchain for {problem.language}")
    with Sandbox(limits=Limits(timeout=60.0)) as sandbox:
        right, wrong = sandbox.run_many(
            [Job.of(problem, program) for program in (*problem.references, problem.buggy_code)]
        )
    assert (right.status, wrong.status) == ("passed", "failed"), right.message


def test_a_python_program_may_leave_out_the_imports_that_the_official_harness_adds(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, PYTHON)
    program = f"{problem.starter_code}    n: Optional[int] = math.prod(deque([2, x]))\n    return n\n"
    with Sandbox(limits=Limits(timeout=60.0)) as sandbox:
        assert sandbox.run_job(Job.of(problem, program)).passed


@pytest.mark.parametrize("name", ["Rust", "CPP"])
def test_a_language_that_the_sandbox_does_not_run_is_refused_with_those_that_it_does(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(UserError, match=f"line 1: .*does not run {name}, only Python, JavaScript, Java, Go"):
        load(tmp_path, PYTHON | {"task_id": f"{name}/0"})


@pytest.mark.parametrize("column", ["buggy_solution", "canonical_solution", "test", "docstring"])
def test_a_row_without_what_repair_needs_is_refused(tmp_path: Path, column: str) -> None:
    with pytest.raises(UserError, match=f"line 1: the field {column} is missing"):
        load(tmp_path, {key: value for key, value in PYTHON.items() if key != column})
