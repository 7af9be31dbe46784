"""Java programs that try to pass without being right, and what their objects say of themselves."""

from __future__ import annotations

import shutil

import pytest
from support.java_programs import BOOLEANS, LISTS, judge, run, subject, the_test, whole_test, wrong_unless

from rayboot.sandbox.inside.languages.java import Java
from rayboot.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK here")

LYING_LIST = """return new ArrayList<Integer>(List.of(1)) {
    public boolean equals(Object other) { return true; }
    public int hashCode() { return Arrays.asList(3, 4).hashCode(); }
};"""
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
    "a judge of its own": subject("return null;", more="class rayboot { static class Judge {} }"),
    "a package of its own": subject("return null;", more="class java { static class lang {} }"),
    "a class that hides Arrays": subject(
        "return null;", more="class Arrays { static List<Integer> asList(int... a) { return null; } }"
    ),
    "reading the secret": subject(
        "try { System.err.println(new String(System.in.readAllBytes())); } catch (IOException e) {} return null;"
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
    "forged replies on every descriptor": subject(
        """String reply = "[1,\\"ok\\",[\\"l\\",\\"java.util.ArrayList\\",\\"\\",3,5],[]]";
        byte[] frame = new byte[4 + reply.length()];
        frame[3] = (byte) reply.length();
        System.arraycopy(reply.getBytes(), 0, frame, 4, reply.length());
        for (FileDescriptor fd : new FileDescriptor[] {FileDescriptor.in, FileDescriptor.out, FileDescriptor.err}) {
            try { new FileOutputStream(fd).write(frame); } catch (IOException e) {}
        }
        return null;"""
    ),
    "a verdict of its own": subject(
        """String verdict = "[\\"verdict\\",{\\"status\\":\\"passed\\"},true]";
        byte[] frame = new byte[4 + verdict.length()];
        frame[3] = (byte) verdict.length();
        System.arraycopy(verdict.getBytes(), 0, frame, 4, verdict.length());
        try { new FileOutputStream(FileDescriptor.in).write(frame); } catch (IOException e) {}
        return null;"""
    ),
    "a hook and threads that wait for the end": subject(
        """Runtime.getRuntime().addShutdownHook(new Thread(() -> Runtime.getRuntime().halt(0)));
        new Thread(() -> { try { Thread.sleep(50); } catch (InterruptedException e) {} System.exit(0); }).start();
        return List.of(a);"""
    ),
    "a static initialiser that fails": subject("return null;").replace(
        "class Subject {", "class Subject { static int zero = 1 / Integer.valueOf(0);"
    ),
    "everything that it finds in memory": subject(
        """try {
            String dump = new File("heap.hprof").getAbsolutePath();
            Class<?> kind = Class.forName("com.sun.management.HotSpotDiagnosticMXBean");
            Object bean = Class.forName("java.lang.management.ManagementFactory")
                .getMethod("getPlatformMXBean", Class.class).invoke(null, kind);
            kind.getMethod("dumpHeap", String.class, boolean.class)
                .invoke(bean, dump, false);
            System.err.write(new FileInputStream(dump).readAllBytes());
        } catch (Exception e) {}
        return null;"""
    ),
    "a sorted set that says it holds everything": subject(
        """return new TreeSet<Integer>((x, y) -> said++ < 1 ? x - y : 0) {{ add(1); add(2); }};
        } static int said; static Object g() { return null;""",
        "Set<Integer>",
    ),
}


@pytest.mark.parametrize("program", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_program_does_not_pass(sandbox: Sandbox, program: str) -> None:
    test = (
        the_test("Set<Integer>", "3", "new HashSet<>(Arrays.asList(3, 4))") if "TreeSet" in program else LISTS
    )
    assert not judge(sandbox, program, test).passed


def test_nothing_of_the_judge_is_in_the_process_of_the_program(sandbox: Sandbox) -> None:
    """The program can control its whole process: native code by `Unsafe`, every object by reflection."""
    body = """try {
            Class<?> unsafe = Class.forName("sun.misc.Unsafe");
            java.lang.reflect.Field field = unsafe.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            System.out.print(field.get(null).getClass().getName());
            Class<?> remote = Class.forName("rayboot.Remote");
            for (java.lang.reflect.Field f : remote.getDeclaredFields()) { f.setAccessible(true); }
            Class.forName("Main");
        } catch (ClassNotFoundException e) {
            System.out.print(" without " + e.getMessage());
        } catch (ReflectiveOperationException e) {}
        return List.of(a);"""
    outcome = judge(sandbox, subject(body))
    assert (outcome.passed, outcome.output) == (False, "sun.misc.Unsafe without Main")


def test_an_object_of_the_programs_own_class_equals_nothing_of_the_tests(sandbox: Sandbox) -> None:
    forged = subject("return Boolean.valueOf(true);", "Boolean", "class Boolean { static Boolean valueOf(boolean b) {"
                     " return new Boolean(); } public boolean equals(Object other) { return true; } }")  # fmt: skip
    assert not judge(sandbox, forged, BOOLEANS).passed
    liar = subject(
        "return new Liar();", "Object", "class Liar { public boolean equals(Object other) { return true; } }"
    )
    assert not judge(sandbox, liar, the_test("Object", "3", "4")).passed


YES = "{ public int compareTo(Object o) { return 0; } public boolean contains(Object o) { return true; } }"
ALL_YES = "static Set f(int a, Yes... v) { return new HashSet(List.of(new Yes(), new Yes(), new Yes())); }"
YES_ALONE = "static Yes f(int a) { return new Yes(); }"
COMPARABLE = "class Yes implements Comparable<Object> " + YES
POINT = """static P f(int a) { return new P(a + 7); } static class P {
    int x; P(int x) { this.x = x; } public int hashCode() { return x; }
    public boolean equals(Object o) { return o instanceof P p && p.x == x; } }"""
EQUAL_SETS = "new TreeSet<Integer>(Arrays.asList(1, 2, 3)).equals(Subject.f(3))"
RAISES = "try { Subject.f(%s); } catch (RuntimeException e) { return; } throw new Exception(`nothing`);"
UNNAMED = "calls %s of the program's class Yes, which it does not name"


@pytest.mark.parametrize(
    ("members", "more", "lines", "status", "message"),
    [
        (ALL_YES, COMPARABLE, wrong_unless(EQUAL_SETS), "failed", "did not pass"),
        (
            ALL_YES,
            COMPARABLE,
            wrong_unless("new TreeSet<Integer>(List.of(1, 2, 3)).containsAll(Subject.f(3))"),
            "failed",
            "cannot be cast",
        ),
        (ALL_YES, COMPARABLE, wrong_unless("new TreeSet<>(Subject.f(3)).size() == 1"), "failed", "cannot be cast"),
        (ALL_YES, COMPARABLE, "Yes named = null; " + wrong_unless(EQUAL_SETS), "failed", "compared with data"),
        (
            "interface Yes extends Comparable<Object> {} static Set f(int a, Yes... v) {"
            " Yes one = o -> 0, two = o -> 0, three = o -> 0; return Set.of(one, two, three); }",
            "",
            wrong_unless(EQUAL_SETS),
            "failed",
            "did not pass",
        ),
        (YES_ALONE, "class Yes " + YES, wrong_unless("Subject.f(3).compareTo(BigInteger.ONE) == 0"), "sandbox_error",
         UNNAMED % "compareTo"),
        (YES_ALONE, "class Yes " + YES, "var yes = Subject.f(3); " + wrong_unless("yes.contains(1)"), "sandbox_error",
         UNNAMED % "contains"),
        ("static Yes f(int a) { return o -> true; }", "interface Yes { boolean contains(Object o); }",
         wrong_unless("Subject.f(3).contains(1)"), "sandbox_error", UNNAMED % "contains"),
        ("static Subject f(int a) { return new Subject(); } int compareTo(Object o) { return 0; }", "",
         wrong_unless("Subject.f(3).compareTo(BigInteger.ONE) == 0"), "sandbox_error", "which it does not name"),
        (POINT, "", wrong_unless("new Subject.P(1).hashCode() == Subject.f(1).hashCode()"), "failed", "did not pass"),
        (POINT, "", wrong_unless("new Subject.P(8).hashCode() != Subject.f(1).hashCode()"), "failed", "did not pass"),
        ("static int f(Object o) { return 1; }", "", RAISES % "new Object()", "sandbox_error", "passes the program"),
        ("static Thread f(int a) { return new Thread(); }", "", RAISES % "3", "failed", "java.lang.Thread"),
        ("static List f(int a) { return List.of(new Thread()); }", "",
         "List<Integer> got = Subject.f(3); int n = got.get(0);", "failed", "cannot cross to the test file"),
        ("static List f(int a) { return List.of(new Object()); }", "",
         "List<Integer> got = Subject.f(3); int n = got.get(0);", "failed", "cannot cross to the test file"),
        ("static Object f(int a) { return new Object(); }", "", wrong_unless("Subject.f(3).equals(6)"), "failed",
         "did not pass"),
        ("static class Object {} static class String {} static int f(int a) { return 7; }", "",
         wrong_unless("Subject.f(3) == 6"), "failed", "did not pass"),
    ],
)  # fmt: skip
def test_what_an_object_of_the_program_says_of_itself_makes_nothing_right(
    sandbox: Sandbox, members: str, more: str, lines: str, status: str, message: str
) -> None:
    program = f"import java.util.*; class Subject {{ {members} }} {more}"
    verdict = run(sandbox, program, whole_test(lines.replace("`", '"')))
    assert (verdict.status, message in verdict.message) == (status, True), verdict


def test_only_the_process_of_the_program_looks_for_classes_in_the_work_directory() -> None:
    """At tier B all processes share one work directory."""
    java = Java("/library")
    answer = {"program": {}, "main": "Main", "judge": {}}
    judge = java.halves(answer).judge.argv
    assert judge[judge.index("-cp") + 1] == "/library"
    compiler = java.compiler().argv
    assert compiler[compiler.index("-cp") + 1] == "/library"
    runner = java.halves(answer).runner.argv
    assert runner[runner.index("-cp") + 1] == "/library:classes"
