"""Run Java programs under a test file of the benchmark's form."""

from __future__ import annotations

from support.foreign import Outcome, under_test

from rayboot.problems import ScriptTest
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Verdict

IMPORTS = "import java.io.*;\nimport java.lang.*;\nimport java.util.*;\nimport java.math.*;\n\n"

TEST = """

class Main {
    public static boolean compare(Object obj1, Object obj2) {
        if (obj1 == null && obj2 == null){
            return true;
        } else if (obj1 == null || obj2 == null){
            return false;
        } else {
            return obj1.equals(obj2);
        }
    }

    public static void main(String[] args) throws Exception {
        RESULT x0 = Subject.f(ARGUMENT);
        RESULT v0 = EXPECTED;
        if (!(compare(x0, v0))) {
            throw new java.lang.Exception("Exception -- test case 0 did not pass. x0 = " + x0);
        }


}
}
"""


def the_test(result: str, argument: str, expected: str) -> str:
    return TEST.replace("RESULT", result).replace("ARGUMENT", argument).replace("EXPECTED", expected)


LISTS = the_test("List<Integer>", "3", "Arrays.asList(3, 4)")
BOOLEANS = the_test("Boolean", "3", "true")


def judge(sandbox: Sandbox, program: str, test: str = LISTS, entry_point: str = "f") -> Outcome:
    return under_test(sandbox, "java", program, test, entry_point)


def subject(body: str, returns: str = "List<Integer>", more: str = "") -> str:
    return f"{IMPORTS}class Subject {{\n    public static {returns} f(int a) {{\n{body}\n    }}\n}}\n{more}"


def whole_test(*lines: str) -> str:
    return (
        "class Main {\n    public static void main(String[] args) throws Exception {\n"
        + "\n".join(lines)
        + "\n}\n}"
    )


def wrong_unless(condition: str) -> str:
    return f'if (!({condition})) throw new Exception("did not pass");'


def run(sandbox: Sandbox, program: str, test: str) -> Verdict:
    return sandbox.run(program, [ScriptTest(code=test)], entry_point="f", language="java")
