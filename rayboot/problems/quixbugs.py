"""QuixBugs (Lin et al. 2017): 40 Python programs, each with a bug in one line; a clone of github.com/jkoppel/QuixBugs.

These are read: `python_programs` (wrong), `correct_python_programs`, `json_testcases` (a test per line: arguments,
result), and for programs on graphs and linked lists the functions of `python_testcases/test_*.py` with its `node.py`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from rayboot.errors import UserError
from rayboot.problems.rows import read_text
from rayboot.problems.types import AssertTest, Problem

# Comparisons of the benchmark's own tests, in python_testcases, other than `call == expected`.
_COMPARISONS = {
    "flatten": "list({call}) == {expected}",
    "hanoi": "{call} == {tuples}",
    "kheapsort": "list({call}) == {expected}",
    "sqrt": "abs({call} - {expected}) <= {last}",
}
_SLOW = {"knapsack": [6404180], "levenshtein": ["amanaplanacanalpanama"]}
"""First arguments of tests that the benchmark itself skips: a correct program takes minutes or more."""


def load(path: Path) -> list[Problem]:
    """Return all problems of the clone. The first test of each is public, the others are hidden.

    Raise UserError if it is not a clone of QuixBugs, a program has no tests, or a file is malformed.
    """
    programs = sorted((path / "python_programs").glob("*.py"))
    programs = [file for file in programs if file.stem != "node" and not file.stem.endswith("_test")]
    if not programs:
        raise UserError(f"{path}: expected a clone of QuixBugs, with the folder python_programs")
    return [_problem(path, file.stem) for file in programs]


def _problem(root: Path, name: str) -> Problem:
    buggy, statement = _code_and_text(root / "python_programs" / f"{name}.py")
    reference, _ = _code_and_text(root / "correct_python_programs" / f"{name}.py")
    cases = root / "json_testcases" / f"{name}.json"
    asserts = root / "python_testcases" / f"test_{name}.py"
    if cases.exists():
        tests, setup = list(_asserts(name, cases)), ""
    else:
        tests, setup = list(_functions(asserts)), read_text(root / "python_testcases" / "node.py")
    if not tests:
        raise UserError(f"{cases if cases.exists() else asserts}: no tests")
    return Problem(
        id=f"QuixBugs/{name}",
        benchmark="quixbugs",
        statement=statement,
        entry_point=name,
        tests=tuple(AssertTest(code=code, public=number == 0) for number, code in enumerate(tests)),
        setup_code=setup,
        references=(reference,),
        buggy_code=buggy,
    )


def _code_and_text(path: Path) -> tuple[str, str]:
    """Return the code of a program, and the text below it: its task, or other solutions."""
    source = read_text(path)
    texts = [node for node in _parsed(path, source).body if isinstance(node, ast.Expr)]
    match texts[-1:]:
        case [ast.Expr(value=ast.Constant(value=str() as text), lineno=line)]:
            return "\n".join(source.splitlines()[: line - 1]).strip() + "\n", text.strip()
    return source.strip() + "\n", ""


def _asserts(name: str, path: Path) -> Iterator[str]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            arguments, expected = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path} line {number}: expected [arguments, result] ({error})") from None
        args = arguments if isinstance(arguments, list) else [arguments]
        if args[:1] == _SLOW.get(name):
            continue
        comparison = _COMPARISONS.get(name, "{call} == {expected}").format(
            call=f"{name}({', '.join(map(repr, args))})",
            expected=repr(expected),
            tuples=[tuple(item) for item in expected] if name == "hanoi" else None,
            last=repr(args[-1]) if args else None,
        )
        yield f"assert {comparison}"


def _functions(path: Path) -> Iterator[str]:
    """Yield each test function with the module-level code, except imports and the choice of the program."""
    body = _parsed(path, read_text(path)).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    module_nodes = [
        node for node in body if not isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom | ast.If)
    ]
    for function in functions:
        if function.name.startswith("test"):
            yield "\n".join([*map(ast.unparse, [*module_nodes, function]), f"{function.name}()"])


def _parsed(path: Path, source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise UserError(f"{path} line {error.lineno} is not Python: {error.msg}") from None
