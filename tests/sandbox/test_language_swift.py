"""Swift under a test file: what is written for the compiler and, where there is one, right and wrong programs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.foreign import by_itself, under_test

from rayboot.sandbox import Sandbox
from rayboot.sandbox.inside.languages.swift import Swift

DATA = (
    Path(__file__).parents[2].parent
    / "shared"
    / "data"
    / "multilingual_humaneval"
    / "HumanEval_swift_v1.1.jsonl"
)

TEST = """

var arg00 : Int = 3
var x0 : Int = double(a : arg00)
var v0 : Int = 6
assert(x0 == v0, "Exception -- test case 0 did not pass. x0 = ")

"""

with_toolchain = pytest.mark.skipif(shutil.which("swiftc") is None, reason="no swiftc here")


def main_file(program: str, test: str = TEST) -> str:
    return Swift().test(program, test, "double").files["main.swift"]


def test_the_secret_is_read_before_the_test_and_said_after_it() -> None:
    lines = main_file("func double(a: Int) -> Int { return 2 * a }").splitlines()
    assert lines[0] == "import Foundation; private let rayboot_secret = Swift.readLine()!; "
    assert "rayboot_secret" in lines[-1]
    assert not any("rayboot_secret" in line for line in lines[1:-1])


def test_the_lines_of_the_test_keep_their_numbers() -> None:
    assert main_file("").splitlines()[2] == TEST.splitlines()[2]


def test_asserts_cannot_be_those_of_the_program() -> None:
    assert 'Swift.precondition(x0 == v0, "Exception' in main_file("func assert(_ b: Bool, _ s: String) {}")
    assert "\nassert(" not in main_file("")


def test_the_test_has_the_imports_of_the_program() -> None:
    assert main_file("import Glibc\nimport Foundation\n").startswith(
        "import Foundation; import Glibc; private"
    )


@pytest.mark.parametrize(
    "name", ["enum Swift {}", "struct `Swift` {}", "class Foundation {}", "let Swift = 1"]
)
def test_a_program_that_hides_a_module_does_not_compile(name: str) -> None:
    program = "func double(a: Int) -> Int { return 2 * a }\n"
    assert "#error(" in Swift().test(program + name, TEST, "double").files["program.swift"]
    assert Swift().test(program, TEST, "double").files["program.swift"] == program


def test_every_test_file_of_the_benchmark_is_made_of_what_is_replaced() -> None:
    if not DATA.exists():
        pytest.skip("the benchmark's file is not here")
    for record in map(json.loads, DATA.read_text().splitlines()):
        made = main_file(record["prompt"], record["test"])
        assert made.count("Swift.precondition(") == record["test"].count("assert(")
        assert "\nassert(" not in made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "/w/program.swift:7:12: error: cannot find 'x' in scope\n    return x\n",
            ("compile error", "cannot find 'x' in scope", 7),
        ),
        (
            "main.swift:4:16: error: cannot find 'double' in scope\n",
            ("compile error", "in the test file: cannot find 'double' in scope", None),
        ),
        (
            "main/main.swift:6: Fatal error: Exception -- test case 0 did not pass. x0 = \n",
            ("Fatal error", "Exception -- test case 0 did not pass. x0 = ", None),
        ),
        (
            "Swift/ContiguousArrayBuffer.swift:600: Fatal error: Index out of range\n"
            "0 closure #1 in double(a:) at /w/program.swift:3:14\n",
            ("Fatal error", "Index out of range", 3),
        ),
        ("program/program.swift:2: Fatal error: Division by zero\n", ("Fatal error", "Division by zero", 2)),
    ],
)
def test_errors_are_explained_with_the_line_of_the_program(
    text: str, expected: tuple[str, str, int | None]
) -> None:
    complaint = Swift().explain(text)
    assert (complaint.error_type, complaint.message, complaint.line) == expected


@with_toolchain
def test_a_right_program_passes_and_wrong_and_hostile_ones_do_not(sandbox: Sandbox) -> None:
    for body, passes in {
        "return 2 * a": True,
        "return 3 * a": False,
        "exit(0)": False,
        "let b = [1]; return b[a]": False,
    }.items():
        program = f"import Foundation\nfunc double(a: Int) -> Int {{ {body} }}\n"
        assert under_test(sandbox, "swift", program, TEST, "double").passed == passes, body
    shadowing = "func precondition(_ b: Bool, _ s: String) {}\nfunc double(a: Int) -> Int { return 0 }\n"
    assert not under_test(sandbox, "swift", shadowing, TEST, "double").passed


@with_toolchain
def test_a_program_by_itself_reads_standard_input(sandbox: Sandbox) -> None:
    assert by_itself(sandbox, "swift", "print(Int(readLine()!)! * 2)\n", "4\n").output == "8\n"
