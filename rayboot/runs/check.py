"""Whether a benchmark's own references pass its tests, and whether programs that do nothing fail them."""

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
    """One reference of one problem."""

    problem_id: str
    reference: int | None
    """Index into the problem's references; None where it has none."""
    verdict: Verdict | None
    """None where there is no reference to run."""


def check_references(
    problems: Sequence[Problem], sandbox: Sandbox, batch: int = BATCH, progress: Progress | None = None
) -> Iterator[ReferenceCheck]:
    """Run every reference; problems without any come last. `progress` is told how many more references were run."""
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
    """Ids of the problems that a stub passes: a program that does nothing, or always gives the first test's answer.

    Looks at Python's problems alone. `progress` gets the number of further stubs that were run.
    """
    pairs = [(problem.id, stub) for problem in problems for stub in stubs(problem)]
    by_id = {problem.id: problem for problem in problems}
    jobs = [Job.of(by_id[name], stub) for name, stub in pairs]
    verdicts = run_in_batches(jobs, sandbox, batch, progress)
    passed = {name for (name, _), verdict in zip(pairs, verdicts, strict=True) if verdict.passed}
    return [problem.id for problem in problems if problem.id in passed]


def stubs(problem: Problem) -> list[str]:
    """Programs that solve nothing."""
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
        called = [node.func for node in nodes if isinstance(node, ast.Call)]
        if not names:
            names = {f.id for f in called if isinstance(f, ast.Name) and not hasattr(builtins, f.id)}
        compared = (node for node in nodes if isinstance(node, ast.Compare) and len(node.ops) == 1)
        right = next(
            (node.comparators[0] for node in compared if isinstance(node.ops[0], ast.Eq | ast.Is)), None
        )
        answers += [] if right is None else [ast.unparse(right)]
    return [
        "\n".join(f"def {name}(*args, **kwargs):\n    return {answer}" for name in sorted(names))
        for answer in dict.fromkeys(answers)
        if names
    ]
