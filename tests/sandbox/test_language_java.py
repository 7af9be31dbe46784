"""Java under a test file: right and wrong programs of the benchmark, hostile ones, and what is said of errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.foreign import Outcome, by_itself, under_test

from rayboot.sandbox import Sandbox

pytestmark = pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK here")

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


def test_a_right_program_passes_and_a_wrong_one_fails_with_its_result(sandbox: Sandbox) -> None:
    assert judge(sandbox, subject("return List.of(a, a + 1);")).passed
    wrong = judge(sandbox, subject("return List.of(a, a + 2);"))
    assert not wrong.passed
    assert wrong.complaint.error_type == "java.lang.Exception"
    assert wrong.complaint.message == "Exception -- test case 0 did not pass. x0 = [3, 5]"
    assert wrong.complaint.line is None


HELLO = """import java.util.Scanner;
public class Hello {
    public static void main(String[] args) {
        System.out.println("hello " + new Scanner(System.in).nextLine());
    }
}
"""


def test_a_program_by_itself_reads_standard_input(sandbox: Sandbox) -> None:
    outcome = by_itself(sandbox, "java", HELLO, "you\n")
    assert (outcome.passed, outcome.output) == (True, "hello you\n")


def test_an_exception_is_given_with_its_line(sandbox: Sandbox) -> None:
    outcome = judge(sandbox, subject("int zero = a - 3;\nreturn List.of(a / zero);"))
    complaint = outcome.complaint
    assert (complaint.error_type, complaint.message, complaint.line) == (
        "java.lang.ArithmeticException",
        "/ by zero",
        9,
    )
    outcome = by_itself(sandbox, "java", HELLO, "")
    assert (outcome.complaint.error_type, outcome.complaint.line) == ("java.util.NoSuchElementException", 4)
    assert outcome.complaint.message == "No line found"


def test_endless_recursion_is_named(sandbox: Sandbox) -> None:
    complaint = judge(sandbox, subject("return f(a + 1);")).complaint
    assert (complaint.error_type, complaint.line) == ("java.lang.StackOverflowError", 8)


@pytest.mark.parametrize(
    ("program", "message", "line"),
    [
        (subject("return List.of(a)"), "';' expected", 8),
        (
            subject('return "text";', "String"),
            "in the test file: incompatible types: String cannot be converted to List<Integer>",
            None,
        ),
        (
            subject("return null;", more="class Main {}"),
            "duplicate class: Main is declared by the test file",
            11,
        ),
        (
            "package p;\n" + subject("return null;"),
            "the test file needs the program in the unnamed package",
            1,
        ),
        (
            subject("sun.misc.Unsafe u; return null;"),
            "package sun.misc is not visible",
            8,
        ),
    ],
)
def test_a_compile_error_is_given_with_the_line_of_the_program(
    sandbox: Sandbox, program: str, message: str, line: int | None
) -> None:
    complaint = judge(sandbox, program).complaint
    assert (complaint.error_type, complaint.message, complaint.line) == ("compile error", message, line)


LYING_LIST = """return new ArrayList<Integer>(List.of(1)) {
    public boolean equals(Object other) { return true; }
    public int hashCode() { return Arrays.asList(3, 4).hashCode(); }
};"""
DEFINES_A_CLASS_OF_THE_TEST = """try { java.lang.invoke.MethodHandles.lookup().defineClass(new byte[0]); }
catch (IllegalAccessException e) {} return null;"""

HOSTILE = {
    "exit": subject("System.exit(0); return null;"),
    "halt": subject("Runtime.getRuntime().halt(0); return null;"),
    "exit in a static initialiser": subject("return null;").replace(
        "class Subject {", "class Subject { static { System.exit(0); }"
    ),
    "exit in another thread": subject(
        "new Thread(() -> System.exit(0)).start(); while (true) { Thread.onSpinWait(); }"
    ),
    "a list that says it is equal": subject(LYING_LIST),
    "the launcher, called again": subject(
        'try { rayboot.Launcher.main(new String[] {"test"}); } catch (Throwable e) {} return null;'
    ),
    "a judge of its own": subject("return null;", more="class rayboot { static class Judge {} }"),
    "a package of its own": subject("return null;", more="class java { static class lang {} }"),
    "a class that hides Arrays": subject(
        "return null;", more="class Arrays { static List<Integer> asList(int... a) { return null; } }"
    ),
    "reading the secret": subject(
        "try { System.err.println(new String(System.in.readAllBytes())); } catch (IOException e) {} return null;"
    ),
    "closing standard error, then a file in its place": subject(
        "try { new FileOutputStream(FileDescriptor.err).close(); } catch (IOException e) {} return List.of(3, 4);"
    ),
    "a guess": subject(
        'System.err.println("0123456789abcdef0123456789abcdef"); System.exit(0); return null;'
    ),
    "changing the cache of small numbers": subject(
        """try {
            Class<?> cache = Class.forName("java.lang.Integer$IntegerCache");
            java.lang.reflect.Field field = cache.getDeclaredField("cache");
            field.setAccessible(true);
            Integer[] numbers = (Integer[]) field.get(null);
            numbers[128 + 4] = numbers[128 + 3];
        } catch (ReflectiveOperationException e) {}
        return List.of(a, a);"""
    ),
    "stopping the thread of the test": subject(
        """Thread test = Thread.currentThread();
        for (int i = 0; i < 4; i++) { new Thread(() -> { while (test.isAlive()) { test.stop(); } }).start(); }
        while (true) { Thread.onSpinWait(); }"""
    ),
    "a heap dump": subject(
        """try {
            Class.forName("com.sun.management.HotSpotDiagnosticMXBean");
            return List.of(3, 4);
        } catch (ClassNotFoundException e) { return null; }"""
    ),
    "Unsafe": subject(
        """try { Class.forName("sun.misc.Unsafe"); return List.of(3, 4); }
        catch (ClassNotFoundException e) { return null; }"""
    ),
}


@pytest.mark.parametrize("program", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_program_does_not_pass(sandbox: Sandbox, program: str) -> None:
    assert not judge(sandbox, program).passed


def test_a_thread_that_stays_does_not_delay_the_verdict(sandbox: Sandbox) -> None:
    body = "new Thread(() -> { while (true) { Thread.onSpinWait(); } }).start(); return List.of(3, 4);"
    assert judge(sandbox, subject(body)).passed


def test_recursion_may_be_deep(sandbox: Sandbox) -> None:
    deep = "return List.of(down(40_000) - 39_997, 4); } static int down(int n) { return n == 0 ? 0 : 1 + down(n - 1);"
    assert judge(sandbox, subject(deep)).passed


def test_the_test_cannot_be_told_by_a_boolean_of_the_programs_own(sandbox: Sandbox) -> None:
    forged = subject("return Boolean.valueOf(true);", "Boolean", "class Boolean { static Boolean valueOf(boolean b) {"
                     " return new Boolean(); } public boolean equals(Object other) { return true; } }")  # fmt: skip
    outcome = judge(sandbox, forged, BOOLEANS)
    assert outcome.complaint.message.startswith("in the test file: incompatible types: ")


def test_a_program_may_have_classes_with_names_of_the_library(sandbox: Sandbox) -> None:
    stack = "class Stack { int top; void push(int a) { top = a; } } class Arrays {}"
    assert judge(
        sandbox, subject("Stack s = new Stack(); s.push(a); return List.of(s.top, 4);", more=stack)
    ).passed


def test_collections_are_equal_by_their_elements(sandbox: Sandbox) -> None:
    maps = the_test(
        "Map<String, List<Integer>>",
        "3",
        'new HashMap<String, List<Integer>>(){{ put("a", Arrays.asList(1, 2)); }}',
    )
    right = 'TreeMap<String, List<Integer>> m = new TreeMap<>(); m.put("a", new LinkedList<>(List.of(1, 2))); return m;'
    assert judge(sandbox, subject(right, "Map<String, List<Integer>>"), maps).passed
    assert not judge(
        sandbox, subject(right.replace("1, 2", "2, 1"), "Map<String, List<Integer>>"), maps
    ).passed
    numbers = the_test("Object", "3", "3")
    assert judge(sandbox, subject("return a;", "Object"), numbers).passed
    assert not judge(sandbox, subject("return (long) a;", "Object"), numbers).passed


def test_output_of_the_program_does_not_disturb_the_verdict(sandbox: Sandbox) -> None:
    outcome = judge(
        sandbox, subject('System.out.print("out"); System.err.print("err"); return List.of(3, 4);')
    )
    assert (outcome.passed, outcome.output) == (True, "out")


def test_a_program_that_is_too_much_for_the_compiler_does_not_end_the_server(sandbox: Sandbox) -> None:
    nested = "return List.of(" + "(" * 100_000 + "a" + ")" * 100_000 + ");"
    assert judge(sandbox, subject(nested)).complaint.error_type == "compile error"
    assert judge(sandbox, subject("return List.of(a, a + 1);")).passed


def test_what_was_compiled_before_is_forgotten(sandbox: Sandbox) -> None:
    assert judge(sandbox, subject("return Helper.f(a);", more=HELPER)).passed
    assert "symbol: variable Helper" in judge(sandbox, subject("return Helper.f(a);")).complaint.message


HELPER = "class Helper { static List<Integer> f(int a) { return List.of(a, a + 1); } }"


def test_benchmark_solutions_pass(sandbox: Sandbox) -> None:
    path = Path(__file__).parents[2].parent / "shared" / "data" / "mbxp" / "mbjp_release_v1.2.jsonl"
    if not path.exists():
        pytest.skip("the benchmark's file is not here")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in [record for record in records if record["canonical_solution"]][:400:100]:
        program = record["prompt"] + record["canonical_solution"]
        assert judge(sandbox, program, record["test"], record["entry_point"]).passed, record["task_id"]
