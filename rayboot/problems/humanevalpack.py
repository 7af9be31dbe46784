"""HumanEvalPack (Muennighoff et al. 2023, arXiv 2308.07124): HumanEval's problems, each with a wrong program to repair.

There is a file `humanevalpack.jsonl` per language, in the same format. The task is HumanEvalFix with docstrings: the
wrong program is the problem's `buggy_code`, and the tests are hidden, except for examples.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from rayboot.problems.humaneval import asserted, helpers
from rayboot.problems.rows import RowModel, problems_from_rows
from rayboot.problems.types import AssertTest, Language, Problem, ScriptTest, Test

# Replaces testify's assert.Equal, with the same comparison.
_EQUAL = """
func raybootEqual(expected, actual interface{}, message ...interface{}) {
    if !reflect.DeepEqual(expected, actual) {
        panic(fmt.Sprintf("failed to pass: expected %#v, got %#v", expected, actual))
    }
}
"""
_TEST = re.compile(r"^func Test\w+\(\w+ \*testing\.T\)", re.MULTILINE)
_ASSERT = re.compile(r"^\s*assert\s*:=\s*assert\.New\(\w+\)\s*$", re.MULTILINE)
_VARIABLE = re.compile(r"\b([a-z]\w*)\s*:=")
_IMPORTS = re.compile(r'^import\s*(?:\([^)]*\)|"[^"\n]*")\s*', re.MULTILINE)
_PACKAGES = """
    bytes crypto/md5 errors fmt math math/bits math/rand regexp sort strconv strings time unicode unicode/utf8
"""


def go_header(prompt: str, solution: str) -> str:
    """Return the prompt with a package clause and the imports that the solution needs.

    The official harness also adds missing imports. Some prompts have imports that their own solution does not use,
    which Go rejects.
    """
    prompt = _IMPORTS.sub("", prompt).lstrip("\n")
    code = re.sub(r"//.*", "", prompt + solution)
    used = [path for path in _PACKAGES.split() if re.search(rf"\b{path.rpartition('/')[2]}\.[A-Z]", code)]
    imports = "".join(["import (\n", *(f'    "{path}"\n' for path in used), ")\n\n"]) if used else ""
    return f"package main\n\n{imports}{prompt}"


def go_test(test: str) -> str:
    """Return the test function as a program, without `testing` and testify.

    A variable is put in parentheses where its method is called, so that it is not taken for a package.
    """
    test = _ASSERT.sub("", _TEST.sub("func main()", test)).replace("assert.Equal(", "raybootEqual(")
    for variable in set(_VARIABLE.findall(test)):
        test = re.sub(rf"(?<![\w.]){variable}(?=\.[A-Z])", f"({variable})", test)
    return f"{_EQUAL}\n{test}"


LANGUAGES: dict[str, Language] = {
    "Python": "python",
    "JavaScript": "javascript",
    "Java": "java",
    "Go": "go",
}
"""Languages by the part of `task_id` before the slash. The benchmark also has C++ and Rust."""

PRELUDE = """
import math, re, sys, copy, datetime, itertools, collections, heapq, statistics, functools, hashlib, string, numpy
import numpy as np
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Union
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
""".strip()
"""Imports that the official harness (bigcode-evaluation-harness, `humanevalpack.py`) puts before Python programs."""

# console.assert prints and continues; the official harness takes any such output for a failure.
_JAVASCRIPT_ASSERT = """const console = {...globalThis.console, assert(ok) {
  if (!ok) throw new Error("an assertion failed");
}};
"""


class HumanEvalPackRow(RowModel):
    task_id: str
    prompt: str
    docstring: str
    canonical_solution: str
    buggy_solution: str
    test: str
    example_test: str = ""
    entry_point: str


def load(path: Path) -> list[Problem]:
    """Return all problems of the file. Only Python's have public tests: the examples that the test asserts too."""
    return problems_from_rows(path, HumanEvalPackRow, to_problem)


def to_problem(row: HumanEvalPackRow) -> Problem:
    """Convert a row. The program continues the starter code, which is the prompt."""
    name = row.task_id.partition("/")[0]
    if name not in LANGUAGES:
        raise ValueError(f"task_id: rayboot does not run {name}, only {', '.join(LANGUAGES)}")
    language = LANGUAGES[name]
    correct, buggy = row.canonical_solution, row.buggy_solution
    correct_starter = buggy_starter = row.prompt
    if language == "go":
        correct_starter, buggy_starter = go_header(row.prompt, correct), go_header(row.prompt, buggy)
    return Problem(
        id=row.task_id,
        benchmark="humanevalpack",
        language=language,
        statement=row.docstring.strip(),
        starter_code=correct_starter,
        entry_point=row.entry_point,
        tests=_tests(row, language),
        setup_code=helpers(row.prompt, row.test, row.entry_point) if language == "python" else "",
        prelude=PRELUDE if language == "python" else "",
        references=(correct_starter + correct,),
        buggy_code=buggy_starter + buggy,
    )


def _tests(row: HumanEvalPackRow, language: Language) -> tuple[Test, ...]:
    match language:
        case "python":
            examples = [AssertTest(code=code, public=True) for code in _examples(row)]
            return (*examples, AssertTest(code=row.test.strip()))
        case "javascript":
            return (ScriptTest(code=_JAVASCRIPT_ASSERT + row.test),)
        case "java":
            return (ScriptTest(code=_java_test(row)),)
        case _:
            return (ScriptTest(code=go_test(row.test)),)


def _examples(row: HumanEvalPackRow) -> list[str]:
    """Return the asserts of the example test that are in the test too: these cannot fail a program that passes it.

    The benchmark's `assert True` is left out: it does not ask the program.
    """
    checked = {ast.dump(test) for test in asserted(row.test)}
    examples = [test for test in asserted(row.example_test) if not isinstance(test, ast.Constant)]
    shown = {ast.dump(test): f"assert {ast.unparse(test)}" for test in examples}
    return [code for key, code in shown.items() if key in checked]


def _java_test(row: HumanEvalPackRow) -> str:
    """Return the test with the prompt's imports: in the official harness the prompt precedes the test."""
    imports = " ".join(re.findall(r"^import [^;]+;", row.prompt, re.MULTILINE))
    return f"{imports} {row.test}".replace("new AssertionError()", 'new AssertionError("failed to pass")')
