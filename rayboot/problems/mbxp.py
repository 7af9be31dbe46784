"""MBXP and multilingual HumanEval (Athiwaratkun et al. 2023, arXiv 2210.14868): MBPP and HumanEval in more languages.

Both have a JSON Lines file per language, in the same format.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from rayboot.problems.humaneval import example_asserts, helpers
from rayboot.problems.mbpp import split_of
from rayboot.problems.rows import RowModel, problems_from_rows
from rayboot.problems.types import AssertTest, Language, Problem, ScriptTest, Test

_JAVASCRIPT_HEADER = re.compile(r"^function \w+\s*\((.*)\) \{\s*\Z", re.MULTILINE)
_RETURNS_INTEGER = re.compile(r"\breturn -?\d+;")
_RENAMED = {"ch": "char"}
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


class MbxpRow(RowModel):
    """A row. Perl, Go and Swift have no canonical solutions; some rows of Java and JavaScript have none."""

    task_id: str
    language: Language
    prompt: str
    description: str | None = None
    entry_point: str
    test: str
    canonical_solution: str | None = None


def load(path: Path) -> list[Problem]:
    """Return all problems of the file. Only Python's have public tests: the examples that the test asserts too."""
    return problems_from_rows(path, MbxpRow, to_problem)


def to_problem(row: MbxpRow) -> Problem:
    """Convert a row. The program continues the starter code, which is the prompt."""
    solution = row.canonical_solution
    is_humaneval = row.task_id.startswith("HumanEval")
    return Problem(
        id=row.task_id,
        benchmark="multilingual_humaneval" if is_humaneval else "mbxp",
        split="" if is_humaneval else split_of(row.task_id.rpartition("/")[2]),
        language=row.language,
        statement=inspect.cleandoc(row.prompt if row.description is None else row.description).strip(),
        starter_code=row.prompt,
        entry_point=row.entry_point,
        tests=_python_tests(row) if row.language == "python" else (ScriptTest(code=row.test),),
        setup_code=helpers(row.prompt, row.test, row.entry_point) if row.language == "python" else "",
        references=(_reference(row.prompt, solution),) if solution is not None else (),
    )


def _reference(prompt: str, solution: str) -> str:
    """Return the whole solution.

    In the JavaScript file the prompts' parameters are in lower case, and `char` is `ch`, while many solutions have the
    original spelling. The reference's header then takes the solution's spelling, without which it could not run. In the
    Java file some solutions return an integer where the prompt says `Double`, which does not compile; `double` does.
    """
    if _RETURNS_INTEGER.search(solution):
        prompt = prompt.replace("public static Double ", "public static double ")
    header = _JAVASCRIPT_HEADER.search(prompt)
    if header is None:
        return prompt + solution
    used: dict[str, str] = {name.lower().lstrip("_"): name for name in sorted(set(_NAME.findall(solution)))}

    def respell(parameter: re.Match[str]) -> str:
        name: str = parameter[0]
        if name in used.values():
            return name
        return used.get(name.lower().lstrip("_")) or used.get(_RENAMED.get(name, ""), name)

    return prompt[: header.start(1)] + _NAME.sub(respell, header[1]) + prompt[header.end(1) :] + solution


def _python_tests(row: MbxpRow) -> tuple[Test, ...]:
    examples = example_asserts(row.prompt, row.test, row.entry_point)
    return (*[AssertTest(code=code, public=True) for code in examples], AssertTest(code=_hidden_test(row)))


def _hidden_test(row: MbxpRow) -> str:
    """Return the hidden test: the file's function `check`, and a call of it.

    Four of MBPP's functions are named `check` themselves. The test's own function is then renamed, or no program could
    pass.
    """
    test, name = row.test.strip(), "check"
    if row.entry_point == name:
        test, name = test.replace("def check(", "def check_program(", 1), "check_program"
    return f"{test}\n\n{name}({row.entry_point})"
