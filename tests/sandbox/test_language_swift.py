"""Swift: test files are refused; messages about errors; and, where there is a compiler, a program alone."""

from __future__ import annotations

import shutil

import pytest
from support.foreign import by_itself

from rayboot.problems import ScriptTest
from rayboot.sandbox.inside.languages.swift import Swift
from rayboot.sandbox.sandbox import Sandbox

TEST = """

var arg00 : Int = 3
var x0 : Int = double(a : arg00)
var v0 : Int = 6
assert(x0 == v0, "Exception -- test case 0 did not pass. x0 = ")

"""

with_toolchain = pytest.mark.skipif(shutil.which("swiftc") is None, reason="no swiftc here")


def test_a_test_file_is_refused_as_the_program_could_decide_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Swift, "tools", {})
    program = "func double(a: Int) -> Int { return 2 * a }\n"
    verdict = sandbox.run(program, [ScriptTest(code=TEST)], entry_point="double", language="swift")
    assert verdict.status == "sandbox_error"
    assert verdict.message.startswith(
        "a test file in swift cannot be run in another process than the program"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "/w/program.swift:7:12: error: cannot find 'x' in scope\n    return x\n",
            ("compile error", "cannot find 'x' in scope", 7),
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
def test_a_program_by_itself_reads_standard_input(sandbox: Sandbox) -> None:
    assert by_itself(sandbox, "swift", "print(Int(readLine()!)! * 2)\n", "4\n").output == "8\n"
