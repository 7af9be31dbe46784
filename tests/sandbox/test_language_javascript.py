"""JavaScript programs under MBXP's test files, and by standard input."""

from __future__ import annotations

import shutil

import pytest

from rayboot.problems.types import ScriptTest, StdioTest
from rayboot.sandbox import Limits, Sandbox, Verdict

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")

TEST = """
const _ = require("lodash")
function compare(object1, object2){
    return _.isEqual(object1, object2)
}
var arg00 = [3, 1, 2];
var x0 = sorted(arg00);
var v0 = [1, 2, 3];
if(!compare(x0, v0)){
    throw 'Error at 1th assert statement. Value = ' + JSON.stringify(x)
}
"""


def verdict(sandbox: Sandbox, program: str, test: str = TEST, entry_point: str = "sorted") -> Verdict:
    limits = Limits(timeout=20)
    return sandbox.run(program, [ScriptTest(code=test)], "", limits, entry_point, "javascript")


@pytest.mark.parametrize(
    "program",
    [
        "function sorted(x) { return x.sort() }",
        "const sorted = (x) => [...x].sort()",
        "function sorted(x) { console.log(x); return _.sortBy(x) }",
        "const { sortBy } = require('lodash'); function sorted(x) { return sortBy(x) }",
    ],
)
def test_a_right_program_passes(sandbox: Sandbox, program: str) -> None:
    assert verdict(sandbox, program).passed


def test_a_wrong_answer_is_told_with_its_call(sandbox: Sandbox) -> None:
    told = verdict(sandbox, "function sorted(x) { return x.reverse() }")
    assert (told.status, told.failing_test) == ("failed", 0)
    assert (told.call, told.got, told.expected) == ("sorted([ 3, 1, 2 ])", "[ 2, 1, 3 ]", "[ 1, 2, 3 ]")


@pytest.mark.parametrize(
    ("program", "status", "error_type", "line"),
    [
        ("function sorted(x) {\n  return nope\n}", "error", "ReferenceError", 2),
        ("\nthrow new TypeError('at once')", "error", "TypeError", 2),
        ("function sorted(x) {\n  return [", "syntax_error", "SyntaxError", None),
        ("function sorted(x) { for (;;); }", "timeout", "", None),
        (
            "function sorted(x) { const a = []; for (;;) a.push(Array(1e5).fill(0.5)) }",
            "memory_limit",
            "MemoryError",
            None,
        ),
        ("function sorted(x) { return sorted(x) }", "error", "RangeError", 1),
        ("let sorted;", "error", "TypeError", None),
    ],
)
def test_what_goes_wrong_is_named(
    sandbox: Sandbox, program: str, status: str, error_type: str, line: int | None
) -> None:
    told = verdict(sandbox, program)
    assert (told.status, told.error_type) == (status, error_type)
    assert line is None or told.line == line


@pytest.mark.parametrize(
    "program",
    [
        "process.exit(0)",
        "function sorted() { process.exit(0) }",
        "function sorted() { process.kill(process.pid, 'SIGTERM') }",
        "require('lodash').isEqual = () => true; function sorted() { return 1 }",
        'JSON.stringify = () => \'[1,"ok",["l",1,2,3],[]]\'; function sorted() { return 1 }',
        "function sorted() { return { toJSON: () => ['l', 1, 2, 3] } }",
        "function sorted() { return { valueOf: () => [1, 2, 3], toString: () => '1,2,3' } }",
        "Array.prototype.equals = Object.is = () => true; function sorted() { return [3] }",
        "function sorted() { require('fs').writeSync(3, '\\0\\0\\0\\x14[1,\"ok\",[\"l\",1],[]]'); return 1 }",
        "function sorted() { require('fs').closeSync(3); return 1 }",
        "globalThis.compare = () => true; function sorted() { return 1 }",
    ],
)
def test_a_program_cannot_make_itself_right(sandbox: Sandbox, program: str) -> None:
    assert not verdict(sandbox, program).passed
    assert verdict(sandbox, "function sorted(x) { return x.sort() }").passed


def test_changes_to_an_argument_reach_the_test(sandbox: Sandbox) -> None:
    test = TEST.replace("var x0 = sorted(arg00);", "sorted(arg00); var x0 = arg00;")
    assert verdict(sandbox, "function sorted(x) { x.sort() }", test).passed
    assert not verdict(sandbox, "function sorted(x) { x = [1, 2, 3] }", test).passed


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "-0",
        "Infinity",
        "undefined",
        "null",
        "10n",
        "new Map([[1, {a: [2]}]])",
        "new Set(['x'])",
        "'\\u{1f600}'",
    ],
)
def test_values_cross_as_they_are(sandbox: Sandbox, value: str) -> None:
    test = f"const _ = require('lodash'); if (!_.isEqual(f(), {value})) throw 'differs'"
    assert verdict(sandbox, f"function f() {{ return {value} }}", test, "f").passed
    assert not verdict(sandbox, "function f() { return 'another' }", test, "f").passed


def test_a_program_can_read_standard_input(sandbox: Sandbox) -> None:
    program = "console.log(+require('fs').readFileSync(0) + 1)"
    tests = [StdioTest(stdin="41\n", stdout="42\n"), StdioTest(stdin="1", stdout="3")]
    told = sandbox.run(program, tests, language="javascript")
    assert (told.status, told.failing_test, told.got, told.expected) == ("failed", 1, "2", "3")


@pytest.mark.parametrize(
    "attempt",
    [
        "require('fs').readFileSync('/etc/passwd')",
        "require('fs').writeFileSync('/usr/lib/x', '')",
        "require('child_process').execFileSync(process.execPath, ['-e', \"require('fs').readFileSync('/etc/hosts')\"])",
        "require('fs').readdirSync('/proc')",
    ],
)
def test_a_program_stays_in_its_cell(sandbox: Sandbox, attempt: str) -> None:
    assert verdict(sandbox, f"function sorted(x) {{ {attempt}; return x.sort() }}").status == "error"
