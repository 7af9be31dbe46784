"""Java under a test file: right and wrong programs of the benchmark, what crosses, and messages about errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.foreign import by_itself
from support.java_programs import LISTS, judge, run, subject, the_test, whole_test, wrong_unless

from rayboot.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK here")


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
            "package rayboot.p;\n" + subject("return null;"),
            "the package rayboot is the sandbox's own",
            1,
        ),
        (
            subject("return null;\n}\nstatic class rayboot {"),
            "class rayboot hides a package that the test file needs",
            10,
        ),
        (
            subject("return null;").replace("List<Integer> f", "<java> List<Integer> f"),
            "type parameter java hides a package that the test file needs",
            7,
        ),
        (
            subject("return null;", more="enum Colour { rayboot }"),
            "variable rayboot hides a package that the test file needs",
            11,
        ),
        (
            "package some.where;\n" + subject("return null;", more="class some {}"),
            "class some hides a package that the test file needs",
            12,
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


def test_a_thread_that_stays_does_not_delay_the_verdict(sandbox: Sandbox) -> None:
    body = "new Thread(() -> { while (true) { Thread.onSpinWait(); } }).start(); return List.of(3, 4);"
    assert judge(sandbox, subject(body)).passed


def test_recursion_may_be_deep(sandbox: Sandbox) -> None:
    deep = "return List.of(down(40_000) - 39_997, 4); } static int down(int n) { return n == 0 ? 0 : 1 + down(n - 1);"
    assert judge(sandbox, subject(deep)).passed


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


PILE = """import java.util.*; import java.util.function.*;
class Pile<T extends Comparable<T>> implements Iterable<T> {
    static final int SIZE = 4; static int made; private final ArrayList<T> items = new ArrayList<>();
    Pile(T... first) { made++; items.addAll(Arrays.asList(first)); }
    Pile<T> push(T item) { items.add(item); return this; }
    T top() { if (items.isEmpty()) throw new Empty("none"); return items.get(items.size() - 1); }
    <R extends Comparable<R>> Pile<R> map(Function<? super T, ? extends R> f) {
        Pile<R> r = new Pile<>(); for (T i : items) r.push(f.apply(i)); return r;
    }
    static int made() { return made; }
    static int parse(String s) {
        try { return Integer.parseInt(s); } catch (NumberFormatException e) { throw new IllegalStateException(e); }
    }
    static void grow(List<List<Integer>> a) { a.get(0).addAll(List.of(2, 3)); a.add(List.of()); }
    public Iterator<T> iterator() { return items.iterator(); }
    static class Empty extends RuntimeException { Empty(String text) { super(text); } int code() { return 7; } }
    enum Color { RED, GREEN { Color next() { return RED; } }; Color next() { return GREEN; }
        int mixed(Color c) { return ordinal() + c.ordinal(); } }
    record Pair(int a, List<String> b) {
        Pair { if (a < 0) throw new IllegalArgumentException("negative"); }
        Pair grown() { return new Pair(a + 1, b); }
    }
    interface Shape { double area(); default double twice() { return 2 * area(); } }
    static Shape square(double side) { return () -> side * side; }
    static double total(List<Shape> shapes) { double sum = 0; for (Shape s : shapes) sum += s.twice(); return sum; }
    static int sum(int... numbers) { return Arrays.stream(numbers).sum(); }
    static void reverse(int[] numbers, List<List<Integer>> rows, StringBuilder text, Map<Character, Long> counts) {
        int first = numbers[0]; numbers[0] = numbers[1]; numbers[1] = first;
        rows.get(0).set(0, 9); text.append("!"); counts.merge('a', 1L, Long::sum);
    }
    static Set<Object> parts() { return Set.of(new Point(1, 1), new Point(1, 2), new Point(2, 1)); }
    static Comparator<String> byLength() { return new ByLength(); }
    static SortedMap<Integer, String> head() { return new TreeMap<>(Map.of(1, "a", 2, "b", 3, "c")).headMap(3); }
    static SortedSet<Integer> tail() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(List.of(1, 2)).tailSet(2));
    }
    static Counter counter() { return new Counter(); }
    static Base base() { return new Derived(); }
    static Object object() { return new Object(); }
    static Object[] many() {
        return new Object[] {1, 2L, 1.5, Double.NaN, -0.0, 'c', null, Optional.of("x"), new int[][] {{1}, {2, 3}},
            Long.MAX_VALUE, new java.math.BigInteger("123456789012345678901234567890"),
            new TreeMap<>(Map.of(2, "b", 1, "a"))};
    }
}
class Point implements Comparable<Point> {
    final int x, y; Point(int x, int y) { this.x = x; this.y = y; }
    public int compareTo(Point p) { return x - p.x; }
    public int hashCode() { return x; }
    public boolean equals(Object o) { return o instanceof Point p && p.x == x && p.y == y; }
}
class ByLength implements Comparator<String> {
    public int compare(String a, String b) { return a.length() - b.length(); }
}
class Counter {
    int n; int n() { return n; } Counter more() { n++; return this; } int and(Counter c) { return n + c.n; }
    static Counter one() { return new Counter().more(); }
}
class Base { int plus(int a) { return a; } }
class Derived extends Base { int plus(int a) { return a + 1; } }
"""
USES = [
    "Pile<Integer> s = new Pile<>();",
    "int[] n = {1, 2}; List<List<Integer>> rows = List.of(new ArrayList<>(List.of(1, 2)));",
    "StringBuilder text = new StringBuilder(`a`); Map<Character, Long> counts = new TreeMap<>();",
    "List<Integer> row = rows.get(0); Pile.reverse(n, rows, text, counts);",
    "Object[] same = {1, 2L, 1.5, Double.NaN, -0.0, 'c', null, Optional.of(`x`), new int[][] {{1}, {2, 3}},",
    "    Long.MAX_VALUE, new BigInteger(`123456789012345678901234567890`), new HashMap<>(Map.of(2, `b`, 1, `a`))};",
    "int sum = 0; for (int i : s.push(3).push(5)) sum += i;",
    "String caught = null; int code = 0;",
    "try { new Pile<String>().top(); } catch (Pile.Empty e) { caught = e.getMessage(); code = e.code(); }",
    "Throwable cause = null; try { Pile.parse(`x`); } catch (IllegalStateException e) { cause = e.getCause(); }",
    "List<Integer> inner = new ArrayList<>(List.of(1)); List<List<Integer>> grown = new ArrayList<>(List.of(inner));",
    "Pile.grow(grown); Supplier<Integer> caller = Pile::made; new Pile<>(1); new Pile<>(1); assert Pile.made() == 4;",
    "try { new Pile.Pair(-1, null); code = 0; } catch (IllegalArgumentException e) {}",
]
CONDITIONS = [
    "s.top() == 5 && sum == 8",
    "s.push(1) == s",
    "Pile.made() == 4 && Pile.SIZE == 4",
    "s.map(x -> `<` + x + `>`).top().equals(`<1>`)",
    "Pile.Color.RED.next() == Pile.Color.GREEN && Pile.Color.GREEN.next() == Pile.Color.RED",
    "new Pile.Pair(1, List.of(`b`)).grown().equals(new Pile.Pair(2, List.of(`b`)))",
    "Pile.square(3).area() == 9 && Pile.total(List.of(Pile.square(1), () -> 2.5)) == 7",
    "Pile.sum() == 0 && Pile.sum(1, 2, 3) == 6",
    "n[0] == 2 && row.get(0) == 9 && text.toString().equals(`a!`) && counts.get('a') == 1L",
    "Arrays.deepEquals(Pile.many(), same)",
    "caught.equals(`none`) && code == 7",
    "Pile.parts().size() == 3 && new Point(3, 4).hashCode() == new Point(3, 5).hashCode()",
    "new TreeSet<>(List.of(new Point(2, 0), new Point(1, 0), new Point(1, 1))).size() == 2",
    "Collections.max(List.of(`a`, `ccc`, `bb`), Pile.byLength()).equals(`ccc`)",
    "Pile.head().equals(Map.of(1, `a`, 2, `b`)) && Pile.tail().equals(Set.of(2))",
    "Pile.counter().more().n() == 1 && Counter.one().and(Pile.counter()) == 1",
    "((Base) Pile.base()).plus(1) == 2 && !Pile.object().equals(1) && Pile.Color.RED.mixed(Pile.Color.RED) == 0",
    "cause instanceof NumberFormatException && inner.size() == 3 && grown.size() == 2 && caller.get() == 5",
]


def test_whatever_java_has_crosses_between_the_test_and_the_program(sandbox: Sandbox) -> None:
    lines = "\n".join([*USES, *map(wrong_unless, CONDITIONS)]).replace("`", '"')
    verdict = judge(sandbox, PILE, whole_test(lines), "top")
    assert verdict.passed, verdict


def test_literals_of_the_test_file_are_the_same_objects_as_those_of_the_program(sandbox: Sandbox) -> None:
    program = 'class Subject { static boolean f(String text) { return text == "literal"; } }'
    assert run(sandbox, program, whole_test(wrong_unless('Subject.f("literal")'))).passed


def test_a_class_of_the_program_does_not_hide_one_that_the_test_file_imports(sandbox: Sandbox) -> None:
    program = "class Subject { static int f(int a) { return 0; } } class IntStream { static int sum() { return 3; } }"
    test = "import java.util.stream.*; " + whole_test(
        wrong_unless("Subject.f(1) == IntStream.of(1, 2).sum()")
    )
    verdict = run(sandbox, program, test)
    assert (verdict.status, verdict.message) == ("failed", "did not pass")


def test_a_test_file_that_cannot_be_split_from_the_program_is_no_fault_of_the_program(
    sandbox: Sandbox,
) -> None:
    program = "class Node { int value; Node(int value) { this.value = value; } static int f(Object o) { return 1; } }"
    verdict = run(sandbox, program, whole_test(wrong_unless("new Node(1).value == 1")))
    assert verdict.status == "sandbox_error"
    assert "cannot find symbol" in verdict.message
    idle = run(sandbox, program, whole_test("int unused = 1;"))
    assert (idle.status, idle.message) == ("sandbox_error", "the test file called nothing of the program")
    twin = "class Twin { int g() { return 1; } public boolean equals(Object o) { return true; } } " + program
    for test, what in (
        (wrong_unless("new Twin().equals(new Twin())"), "compares objects of the program's class Twin"),
        (wrong_unless("new Twin() { int g() { return 2; } }.g() == 2"), "extends the program's class Twin"),
        ("System.setOut(System.out); Node.f(1); throw new Exception();", "watches what is printed"),
    ):
        refused = run(sandbox, twin, whole_test(test))
        assert (refused.status, what in refused.message) == ("sandbox_error", True)
    alien = run(sandbox, program, whole_test("class Own {} Node.f(new Own());"))
    assert (alien.status, alien.message) == (
        "sandbox_error",
        "the test file passes the program an object of class Main$1Own",
    )


def test_a_program_in_a_package_has_its_test_file_in_the_same(sandbox: Sandbox) -> None:
    assert judge(sandbox, "package some.where;\n" + subject("return List.of(a, a + 1);")).passed


def test_what_one_test_file_sets_is_not_there_for_the_next(sandbox: Sandbox) -> None:
    program = "class Subject { static int f(int a) { return a; } }"
    sets = 'System.setProperty("left", "here"); Subject.f(1);'
    assert run(sandbox, program, whole_test(sets)).passed
    assert run(
        sandbox,
        program,
        whole_test('Subject.f(1); if (System.getProperty("left") != null) throw new Exception();'),
    ).passed


def test_memory_that_a_program_lacks_is_named(sandbox: Sandbox) -> None:
    body = "ArrayList<long[]> all = new ArrayList<>(); while (true) { all.add(new long[1 << 20]); }"
    assert run(sandbox, subject(body), LISTS).status == "memory_limit"


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
