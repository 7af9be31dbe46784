"""Check that a data set's references pass its tests, and that trivial programs fail them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence

from rayboot.problems import Problem
from rayboot.runs.verify import BATCH, Progress, run_in_batches
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Verdict
from rayboot.values import Frozen


class ReferenceCheck(Frozen):
    """The check of one reference."""

    problem_id: str
    reference: int | None
    """Index into the problem's references; None if the problem has none."""
    verdict: Verdict | None
    """None if the problem has no reference."""


def check_references(
    problems: Sequence[Problem], sandbox: Sandbox, batch: int = BATCH, progress: Progress | None = None
) -> Iterator[ReferenceCheck]:
    """Run every reference, and yield a check for each; then one for each problem without references.

    Args:
        progress: Called with the number of references that have run since the last call.
    """
    pairs = [(problem, number) for problem in problems for number in range(len(problem.references))]
    jobs = [Job.of(problem, problem.references[number]) for problem, number in pairs]
    for (problem, number), verdict in zip(pairs, run_in_batches(jobs, sandbox, batch, progress), strict=True):
        yield ReferenceCheck(problem_id=problem.id, reference=number, verdict=verdict)
    for problem in problems:
        if not problem.references:
            yield ReferenceCheck(problem_id=problem.id, reference=None, verdict=None)


def unfit_problems(
    problems: Sequence[Problem], sandbox: Sandbox, batch: int = BATCH, progress: Progress | None = None
) -> list[str]:
    """Return the ids of the Python problems whose tests a stub passes; see `stubs`.

    Args:
        progress: Called with the number of stubs that have run since the last call.
    """
    pairs = [(problem.id, stub) for problem in problems for stub in stubs(problem)]
    by_id = {problem.id: problem for problem in problems}
    jobs = [Job.of(by_id[name], stub) for name, stub in pairs]
    verdicts = run_in_batches(jobs, sandbox, batch, progress)
    passed = {name for (name, _), verdict in zip(pairs, verdicts, strict=True) if verdict.passed}
    return [problem.id for problem in problems if problem.id in passed]


def stubs(problem: Problem) -> list[str]:
    """Return trivial programs: one that does nothing, and one that always gives the first test's expected answer.

    Only for Python problems; none where a test's code cannot be parsed.
    """
    if problem.language != "python":
        return []
    first = problem.tests[0]
    if first.kind == "stdio":
        return ["pass", f"print({first.stdout!r}, end='')"]
    names = {problem.entry_point} - {""}
    answers = ["None"]
    if first.kind == "call":
        answers.append(repr(first.expected))
    else:
        try:
            nodes = [
                node
                for test in problem.tests
                if test.kind == "assert"
                for node in ast.walk(ast.parse(test.code))
            ]
        except SyntaxError:
            return []
        callees = [node.func for node in nodes if isinstance(node, ast.Call)]
        if not names:
            names = {f.id for f in callees if isinstance(f, ast.Name) and not hasattr(builtins, f.id)}
        comparisons = (node for node in nodes if isinstance(node, ast.Compare) and len(node.ops) == 1)
        expected = next(
            (node.comparators[0] for node in comparisons if isinstance(node.ops[0], ast.Eq | ast.Is)), None
        )
        answers += [] if expected is None else [ast.unparse(expected)]
    return [
        "\n".join(f"def {name}(*args, **kwargs):\n    return {answer}" for name in sorted(names))
        for answer in dict.fromkeys(answers)
        if names
    ]
