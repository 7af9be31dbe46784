"""References and solutions in the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rayboot.problems import AssertTest, CallTest, Problem, StdioTest, Test, load_problems
from rayboot.runs.check import check_references, unfit_problems
from rayboot.runs.verify import read_solutions, solutions_pass_at_k, verify
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Limits

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the benchmarks' files are not at hand")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=2, limits=Limits(timeout=10.0), allow_weak=True) as sandbox:
        yield sandbox


def doubling(number: int, *references: str) -> Problem:
    return Problem(
        id=f"x/{number}",
        benchmark="x",
        statement="Double it.",
        entry_point="double",
        tests=(AssertTest(code="assert double(2) == four"), AssertTest(code="assert double(a) == 6")),
        setup_code="four = 4\na = 3",
        references=references,
    )


RIGHT = "def double(x):\n    return 2 * x"
WRONG = "def double(x):\n    return x * x"


def test_every_reference_is_checked_and_problems_without_references_are_reported(sandbox: Sandbox) -> None:
    problems = [doubling(1), doubling(2, RIGHT, WRONG), doubling(3, RIGHT)]
    progress: list[int] = []
    checks = list(check_references(problems, sandbox, batch=2, progress=progress.append))
    assert [(c.problem_id, c.reference, c.verdict and c.verdict.status) for c in checks] == [
        ("x/2", 0, "passed"),
        ("x/2", 1, "failed"),
        ("x/3", 0, "passed"),
        ("x/1", None, None),
    ]
    assert progress == [2, 1]


def test_a_problem_that_a_stub_passes_is_unfit(sandbox: Sandbox) -> None:
    def problem(id: str, *tests: Test, entry_point: str = "") -> Problem:
        return Problem(id=id, benchmark="own", statement="-", tests=tests, entry_point=entry_point)

    problems = [
        problem("fit/assert", AssertTest(code="assert f(1) == 2"), AssertTest(code="assert f(2) == 3")),
        problem(
            "fit/call", CallTest(args=(1,), expected=2), CallTest(args=(2,), expected=3), entry_point="f"
        ),
        problem("fit/stdio", StdioTest(stdin="1", stdout="2"), StdioTest(stdin="2", stdout="3")),
        problem("unfit/returns nothing", AssertTest(code="assert f(1) is None")),
        problem(
            "unfit/one answer", AssertTest(code="assert f(1) == [2]"), AssertTest(code="assert f(2) == [2]")
        ),
        problem("unfit/call", CallTest(args=(1,), expected=None), entry_point="f"),
        problem("unfit/prints nothing", StdioTest(stdin="1", stdout="")),
        problem("unfit/prints one thing", StdioTest(stdin="1", stdout="2"), StdioTest(stdin="2", stdout="2")),
    ]
    assert unfit_problems(problems, sandbox) == [p.id for p in problems if p.id.startswith("unfit")]


def test_solutions_are_verified_in_the_order_of_rows(sandbox: Sandbox, tmp_path: Path) -> None:
    problems = [doubling(1), doubling(2)]
    programs = [(2, RIGHT), (1, WRONG), ("x/1", RIGHT), ("2", "def double(x:"), (1, "double = lambda x: y")]
    path = tmp_path / "solutions.jsonl"
    path.write_text("\n".join(json.dumps({"task_id": id, "solution": program}) for id, program in programs))
    solutions = read_solutions(path, problems)
    results = list(verify(solutions, sandbox, batch=2))
    assert [(r.task_id, r.index, r.status, r.error_type) for r in results] == [
        (2, 0, "passed", ""),
        (1, 1, "failed", "AssertionError"),
        ("x/1", 2, "passed", ""),
        ("2", 3, "syntax_error", "SyntaxError"),
        (1, 4, "error", "NameError"),
    ]
    assert all(0 <= result.seconds < 60 for result in results)
    metrics = solutions_pass_at_k(solutions, results, ks=(1, 2, 3))
    assert metrics == {"pass@1": pytest.approx((1 / 3 + 1 / 2) / 2), "pass@2": pytest.approx((2 / 3 + 1) / 2)}


@needs_data
def test_humanevals_references_pass_as_completions(sandbox: Sandbox, tmp_path: Path) -> None:
    problems = load_problems(f"humaneval:{DATA}/humaneval/HumanEval.jsonl.gz")
    path = tmp_path / "samples.jsonl"
    with path.open("w") as file:
        for problem in problems:
            completion = problem.references[0].removeprefix(problem.starter_code)
            file.write(json.dumps({"task_id": problem.id, "completion": completion}) + "\n")
    solutions = read_solutions(path, problems)
    results = list(verify(solutions, sandbox))
    assert [result.task_id for result in results if result.status != "passed"] == []
    assert solutions_pass_at_k(solutions, results, ks=(1,)) == {"pass@1": 1.0}


@needs_data
def test_all_974_references_of_mbpp_pass(sandbox: Sandbox) -> None:
    problems = load_problems(f"mbpp:{DATA}/mbpp/mbpp.jsonl")
    checks = list(check_references(problems, sandbox))
    assert len(checks) == 974
    assert [check.problem_id for check in checks if not (check.verdict and check.verdict.passed)] == []
