"""Each bad SPEC and each bad file gives one message with the error and its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from rayboot.errors import UserError
from rayboot.problems import load_problems

GOOD = {
    "id": "a/1",
    "benchmark": "a",
    "statement": "Do it.",
    "tests": [{"kind": "assert", "code": "assert f()"}],
}
MBPP = {"task_id": 1, "text": "Do it.", "code": "def f(): pass", "test_list": ["assert f() is None"]}


def file(tmp_path: Path, *rows: object) -> Path:
    path = tmp_path / "problems.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mbp:x.jsonl", "unknown benchmark 'mbp': did you mean mbxp or mbpp"),
        (
            "sicp:x.jsonl",
            "known are mbpp, humaneval, mbxp, apps, humanevalpack, quixbugs, bigcodebench, jsonl, qui",
        ),
        ("swebench:x.jsonl", "swebench is judged by its own harness and not by the sandbox"),
        ("defects4j", "defects4j is judged by its own harness and not by the sandbox"),
        ("quickstrat", "did you mean quickstart"),
        ("mbpp", "mbpp needs the path of its file: mbpp:PATH"),
        ("mbpp:", "mbpp needs the path of its file: mbpp:PATH"),
        ("quickstart:x.jsonl", "takes no path"),
        ("quickstart/dev", "there is no split dev; those that exist are test, train, validation"),
        ("mbpp:/no/such/file.jsonl", "no such file: /no/such/file.jsonl"),
        ("mbpp:/", "/ is a folder"),
    ],
)
def test_a_bad_spec_is_explained(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_problems(spec)


def test_the_message_for_an_unknown_split_lists_those_that_exist(tmp_path: Path) -> None:
    path = file(tmp_path, MBPP, MBPP | {"task_id": 700})
    with pytest.raises(UserError, match="no split tran; those that exist are prompt, train"):
        load_problems(f"mbpp:{path}/tran")
    with pytest.raises(UserError, match="no split test; these problems have no splits"):
        load_problems(f"jsonl:{file(tmp_path, GOOD)}/test")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"id": "a/2", "benchmark', r"line 2 is not JSON \(Unterminated string.*cut off"),
        ("[1, 2]", "line 2 is not a JSON object"),
        (
            '{"id": 1' + "0" * 5000 + "}",
            "line 2 has an integer of more than 4300 digits: write it as a string",
        ),
        ("[" * 100_000, "line 2 is nested too deeply"),
        (
            GOOD | {"id": "a/2", "statement": "half \ud800"},
            r"line 2 has a lone surrogate .*half \\ud800.*remove it",
        ),
        ({"id": "a/2", "benchmark": "a", "tests": GOOD["tests"]}, "line 2: the field statement is missing"),
        (GOOD | {"id": "a/2", "tests": []}, "line 2: the problem has no tests"),
        (GOOD | {"id": "a/2", "test": []}, "line 2: unknown field test: did you mean tests"),
        (GOOD | {"id": "a/2", "language": "cobol"}, "line 2: language: Input should be 'python'"),
        (GOOD | {"id": "a/2", "tests": [{"kind": "asert", "code": ""}]}, "line 2: tests.0: .*'asert'"),
        (
            GOOD | {"id": "a/2", "tests": [*GOOD["tests"], {"kind": "asert", "public": True}]},
            "line 2: tests.1: .*'asert'",
        ),
        (
            GOOD | {"id": "a/2", "tests": [{"kind": "call", "args": [], "expected": 1}]},
            "line 2: .*needs entry_point",
        ),
        (GOOD, "line 2: the id a/1 is taken already by .* line 1"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: object, message: str) -> None:
    path = file(tmp_path, GOOD, row)
    with pytest.raises(UserError, match=f"{path} {message}"):
        load_problems(f"jsonl:{path}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_list": []}, "line 1: the problem has no tests"),
        ({"task_id": "one"}, "line 1: task_id: Input should be a valid integer"),
        ({"test_list": ["assert f("]}, "line 1: a test is not Python"),
    ],
)
def test_a_bad_mbpp_row_is_named_by_file_and_line(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = file(tmp_path, MBPP | changes)
    with pytest.raises(UserError, match=message):
        load_problems(f"mbpp:{path}")


def test_a_humaneval_prompt_without_its_function_is_refused(tmp_path: Path) -> None:
    row = {
        "task_id": "HumanEval/0",
        "prompt": "x = 1",
        "entry_point": "f",
        "canonical_solution": "",
        "test": "",
    }
    with pytest.raises(UserError, match="line 1: prompt defines no function f"):
        load_problems(f"humaneval:{file(tmp_path, row)}")


def test_a_truncated_gzip_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl.gz"
    packed = gzip.compress("".join(json.dumps(GOOD | {"id": str(n)}) + "\n" for n in range(1000)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UserError, match="is truncated or damaged"):
        load_problems(f"jsonl:{path}")


def test_an_empty_file_and_one_that_is_not_text_are_refused(tmp_path: Path) -> None:
    path = file(tmp_path)
    with pytest.raises(UserError, match="is empty"):
        load_problems(f"jsonl:{path}")
    path.write_bytes(b'{"id": "\xff"}\n')
    with pytest.raises(UserError, match="line 1 is not UTF-8"):
        load_problems(f"jsonl:{path}")
