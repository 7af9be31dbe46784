"""Run programs of other languages in the sandbox, with an outcome in the form that their tests check."""

from __future__ import annotations

from dataclasses import dataclass

from rayboot.problems import ScriptTest, StdioTest, Test
from rayboot.problems.types import Language
from rayboot.sandbox.inside.languages.base import Complaint
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Limits


@dataclass(frozen=True)
class Outcome:
    passed: bool
    output: str
    complaint: Complaint


def under_test(sandbox: Sandbox, language: Language, program: str, test: str, entry_point: str) -> Outcome:
    """Run a program with a test file."""
    return _outcome(sandbox, language, program, ScriptTest(code=test), entry_point)


def by_itself(sandbox: Sandbox, language: Language, program: str, stdin: str = "") -> Outcome:
    """Run a program that reads standard input. It passes if its exit status is 0."""
    ended = StdioTest(stdin=stdin, stdout="something that no program prints")
    return _outcome(sandbox, language, program, ended, "")


def _outcome(sandbox: Sandbox, language: Language, program: str, test: Test, entry_point: str) -> Outcome:
    limits = Limits(timeout=10)
    verdict = sandbox.run(program, [test], "", limits, entry_point, language)
    passed = verdict.passed or (test.kind == "stdio" and verdict.status == "failed")
    return Outcome(passed, verdict.stdout, Complaint(verdict.error_type, verdict.message, verdict.line))
