"""Go under a test file: right and wrong programs of the benchmark, what crosses, and messages about errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.foreign import by_itself, under_test
from support.go_programs import judge, run_main

from rayboot.sandbox.inside.languages import LANGUAGES, missing
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Verdict

pytestmark = pytest.mark.skipif(bool(missing(LANGUAGES["go"])), reason="no Go toolchain here")

DATA = (
    Path(__file__).parents[2].parent / "shared" / "data" / "multilingual_humaneval" / "HumanEval_go_v1.jsonl"
)


def test_a_right_program_passes_and_a_wrong_one_fails(sandbox: Sandbox) -> None:
    assert judge(sandbox, "func double(a int) int { return 2 * a }").passed
    wrong = judge(sandbox, "func double(a int) int { return 3 * a }")
    assert not wrong.passed
    assert wrong.complaint.error_type == "panic"
    assert wrong.complaint.message == "Exception --- test case 0 failed to pass"
    assert wrong.complaint.line is None


def test_a_program_that_links_much_passes(sandbox: Sandbox) -> None:
    body = (
        'var get = http.Get\n\nfunc double(a int) int {\n\tif a > 1000 {\n\t\tget("")\n\t}\n\treturn 2 * a\n}'
    )
    assert judge(sandbox, body, '\t"net/http"\n').passed


def test_a_panic_is_given_with_its_line(sandbox: Sandbox) -> None:
    complaint = judge(
        sandbox, "func double(a int) int {\n\tb := []int{1, 2, 3}\n\treturn b[a+2]\n}"
    ).complaint
    assert complaint.error_type == "runtime error"
    assert complaint.message == "index out of range [5] with length 3"
    assert complaint.line == 9
    complaint = judge(sandbox, 'func double(a int) int {\n\tpanic("not yet")\n}').complaint
    assert (complaint.error_type, complaint.message, complaint.line) == ("panic", "not yet", 8)
    complaint = judge(sandbox, "func double(a int) int {\n\t<-make(chan int)\n\treturn 0\n}").complaint
    assert complaint.error_type == "fatal error"
    assert complaint.message == "all goroutines are asleep - deadlock!"


@pytest.mark.parametrize(
    ("program", "message", "line"),
    [
        ("func double(a int) int { return x }", "undefined: x", 7),
        ("func double(a int) int {", "syntax error: unexpected EOF, expecting }", 7),
        ("func twice(a int) int { return 2 * a }", "undefined: double", None),
        (
            "func double(a, b int) int { return a }",
            "in the test file: not enough arguments in call to double;",
            None,
        ),
        (
            "func double(a int) int { return a }\nfunc main() {}",
            "main redeclared in this block; answers.go:3:6: other declaration of main",
            8,
        ),
    ],
)
def test_a_compile_error_is_given_with_the_line_of_the_program(
    sandbox: Sandbox, program: str, message: str, line: int | None
) -> None:
    complaint = judge(sandbox, program).complaint
    assert complaint.error_type == "compile error"
    assert complaint.message.startswith(message)
    assert complaint.line == line


def test_a_method_without_a_receiver_is_a_compile_error(sandbox: Sandbox) -> None:
    complaint = judge(sandbox, "func () f() {}\nfunc double(a int) int { return 2 * a }").complaint
    assert (complaint.message, complaint.line) == ("method has no receiver", 7)


def test_an_import_is_unused_unless_the_test_file_uses_it(sandbox: Sandbox) -> None:
    complaint = judge(sandbox, "func double(a int) int { return 2 * a }", '\t"sort"\n').complaint
    assert (complaint.message, complaint.line) == ('imported and not used: "sort"', 6)
    assert judge(
        sandbox, "func double(a int) int { return len(sort.IntSlice(make([]int, 2 * a))) }", '\t"sort"\n'
    ).passed


def test_helpers_and_types_of_the_program_do_not_disturb_the_test(sandbox: Sandbox) -> None:
    helpers = "type result int\nfunc actual_1(a int) result { return result(a) }\nvar err = 2\n"
    assert judge(sandbox, helpers + "func double(a int) int { return err * int(actual_1(a)) }").passed


def test_a_test_may_use_types_and_other_functions_of_the_program(sandbox: Sandbox) -> None:
    program = "package main\n\ntype Point struct{ X int }\n\nconst step = 1\n"
    program += "func move(p Point) Point { return Point{p.X + step} }\n"
    test = '\n\nfunc main() {\n\tif move(Point{1}) != (Point{1 + step}) {\n\t\tpanic("wrong")\n\t}\n}\n'
    assert under_test(sandbox, "go", program, test, "move").passed
    wrong = program.replace("p.X + step", "p.X - step")
    assert under_test(sandbox, "go", wrong, test, "move").complaint.message == "wrong"


WIDE = """
type Point struct { X, y int; name string; Next *Point }
type Shape interface { Area() float64 }
type Square struct { side float64 }
type Color int
const ( Red Color = iota; Green )
func (s Square) Area() float64 { return s.side * s.side }
func (p *Point) Move(by int) *Point { p.X += by; p.y++; return p }
func (c Color) Next() Color { return Green }
func line(n int) *Point { if n == 0 { return nil }; return &Point{n, n, "p", line(n - 1)} }
func total(shapes ...Shape) (sum float64) { for _, s := range shapes { sum += s.Area() }; return }
func square(side float64) Shape { return Square{side} }
func apply(f func(int) (int, error), n int) (int, error) { return f(n) }
func reverse(a []int, m map[string][]int, s *string) { a[0], a[1] = a[1], a[0]; m["b"] = []int{2}; *s += "!" }
func many() (int64, uint64, float64, []int, []int, string, interface{}, error) {
	return math.MinInt64, math.MaxUint64, math.Inf(-1), nil, []int{}, "\\xff\\x00",
		map[interface{}]interface{}{1: []interface{}{nil, 2.5, int8(3), "x"}}, fmt.Errorf("wrong %d", 1)
}
type hidden struct { Size int `json:"size"`; Parts []hidden; secret int }
func opaque() interface{} { return []hidden{{1, []hidden{{2, nil, 3}}, 4}} }
func fail() { panic("on purpose") }
func double(a int) int { return 2 * a }
"""
CONDITIONS = [
    "line(2).Next.y == 1 && line(0) == nil",
    "p.Move(3).X == 4 && p.X == 4 && p.y == 1",
    "Red.Next() == Green",
    "total(square(2), Square{}, square(3)) == 13 && total() == 0",
    'n == 8 && err.Error() == "odd"',
    'a[0] == 2 && len(m) == 2 && m["b"][0] == 2 && s == "a!"',
    "i == math.MinInt64 && u == math.MaxUint64 && math.IsInf(f, -1)",
    'none == nil && empty != nil && text == "\\xff\\x00"',
    'reflect.DeepEqual(any, map[interface{}]interface{}{1: []interface{}{nil, 2.5, int8(3), "x"}})',
    'problem.Error() == "wrong 1"',
    'fmt.Sprint(opaque()) == "[map[Parts:[map[Parts:[] size:2]] size:1]]"',
    'message == "on purpose"',
]


def test_whatever_go_has_crosses_between_the_test_and_the_program(sandbox: Sandbox) -> None:
    lines = [
        'p := &Point{X: 1}; a := []int{1, 2}; m := map[string][]int{}; s := "a"; reverse(a, m, &s); m["a"] = nil',
        'n, err := apply(func(n int) (int, error) { return double(n), fmt.Errorf("odd") }, 4)',
        "i, u, f, none, empty, text, any, problem := many()",
        "var message interface{}; func() { defer func() { message = recover() }(); fail() }()",
    ]
    checks = [f"\tif !({condition}) {{ panic({number}) }}" for number, condition in enumerate(CONDITIONS)]
    test = "\n\nfunc main() {\n\t" + "\n\t".join([*lines, *checks]) + "\n}\n"
    head = 'package main\n\nimport ("fmt"; "math"; "reflect")\n'
    verdict = under_test(sandbox, "go", head + WIDE, test, "double")
    assert verdict.passed, verdict


STYLES = """package main
import ("errors"; "fmt"; "sync")
type Wrong struct{ Code int }
func (w *Wrong) Error() string { return fmt.Sprint("code ", w.Code) }
type Count struct{ mu sync.Mutex; n int }
func (c *Count) Up() int { c.mu.Lock(); defer c.mu.Unlock(); c.n++; return c.n }
func rest(a []int) []int { return a[1:] }
func same(c *Count) *Count { return c }
func check(n int) error { if n < 0 { return &Wrong{n} }; if n == 0 { return errors.New("zero") }; return nil }
func double(a int) int { return 2 * a }
"""
GO_TEST = """// func main() is not here
package double_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAll(t *testing.T) {
	assert := assert.New(t)
	for _, c := range []struct{ in, out int }{{1, 2}, {2, 4}} {
		t.Run("case", func(t *testing.T) {
			if got := double(c.in); got != c.out {
				t.Errorf("got %d, not %d", got, c.out)
			}
		})
	}
	var wrong *Wrong
	assert.True(errors.As(check(-2), &wrong) && wrong.Code == -2)
	a := []int{1, 2, 3}
	rest(a)[0] = 9
	assert.Equal([]int{1, 9, 3}, a)
	c, group := &Count{}, sync.WaitGroup{}
	assert.True(same(c) == c)
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() { defer group.Done(); c.Up() }()
	}
	group.Wait()
	assert.Equal(9, c.Up())
} // the end"""


def test_a_test_file_may_be_one_for_go_test(sandbox: Sandbox) -> None:
    assert under_test(sandbox, "go", STYLES, GO_TEST, "double").passed
    wrong = under_test(sandbox, "go", STYLES.replace("2 * a", "3 * a"), GO_TEST, "double")
    assert wrong.complaint.message == "TestAll/case: got 3, not 2"
    plain = "func main () { if double(1) != 2 { panic(1) } } // without a line of its own"
    assert under_test(sandbox, "go", STYLES, plain, "double").passed


def test_a_test_file_that_cannot_be_split_from_the_program_is_no_fault_of_the_program(
    sandbox: Sandbox,
) -> None:
    def run(program: str, body: str) -> Verdict:
        return run_main(sandbox, program, body)

    variable = run("var count = 3\nfunc f() int { return 1 }", 'if count != 3 { panic("wrong") }')
    assert variable.status == "sandbox_error"
    assert "undefined: count" in variable.message
    idle = run("func f() int { return 1 }", "_ = 1")
    assert (idle.status, idle.message) == ("sandbox_error", "the test file called nothing of the program")
    generic = run("func f[T any](a T) T { return a }", 'if f(1) != 1 { panic("wrong") }')
    assert (generic.status, "undefined: f" in generic.message) == ("sandbox_error", True)
    program = "type N int\nfunc (n N) String() string { return `2` }\nfunc f() N { return 1 }"
    text = run(program, 'if fmt.Sprint(f()) != "2" { panic(1) }')
    assert (text.status, "what N.String gives" in text.message) == ("sandbox_error", True)
    channels = run("func f(c chan int) int { return 1 }", "f(make(chan int))")
    assert channels.status == "sandbox_error"
    assert "a value of type chan int cannot cross" in channels.message
    channels = run(
        "func f() chan int { return make(chan int, 1) }", "c := f(); c <- 1; if <-c != 1 { panic(1) }"
    )
    assert channels.status == "sandbox_error"


def test_methods_that_the_test_calls_are_those_of_the_program(sandbox: Sandbox) -> None:
    program = (
        "type Point struct { X int }\nfunc (p Point) String() string { return fmt.Sprint(p.X) }\n"
        "func (p Point) Equal(q Point) bool { return p == q }\ntype Stack struct { items []int }\n"
        "func (s *Stack) Push(x int) *Stack { s.items = append(s.items, x); return s }\n"
        "func (s *Stack) Has(x int) bool { return s.items[0] == x }\nfunc NewStack() *Stack { return &Stack{} }\n"
        "func move(p Point) Point { return Point{p.X + 1} }"
    )
    test = (
        "if p := move(Point{1}); p.String() != `2` || !p.Equal(Point{2}) { panic(p) }\n"
        "if s := NewStack(); !s.Push(3).Has(3) || s.Has(4) { panic(s) }"
    )
    assert run_main(sandbox, 'import "fmt"\n' + program, test).passed


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("io.EOF", "passed"),
        ('fmt.Errorf("at 3: %w", io.EOF)', "passed"),
        ('fmt.Errorf("at 3: %v", io.EOF)', "failed"),
        ("liar{}", "failed"),
        ("nil", "failed"),
    ],
)
def test_an_error_of_the_standard_library_is_the_same_in_the_test(
    sandbox: Sandbox, error: str, status: str
) -> None:
    program = 'import ("fmt"; "io")\nvar _ = fmt.Errorf\nvar _ = io.EOF\ntype liar struct{}\n'
    program += 'func (liar) Is(error) bool { return true }\nfunc (liar) Error() string { return "liar" }\n'
    program += f"func f(a int64) error {{ return {error} }}"
    assert run_main(sandbox, program, 'if !errors.Is(f(3), io.EOF) { panic("wrong") }').status == status


def test_an_error_that_would_be_another_one_in_the_test_is_a_limit(sandbox: Sandbox) -> None:
    program = 'import "encoding/hex"\nfunc f(a string) error { _, err := hex.DecodeString(a); return err }'
    verdict = run_main(sandbox, program, 'if f("0") != hex.ErrLength { panic("wrong") }')
    assert (verdict.status, "hex.ErrLength" in verdict.message) == ("sandbox_error", True)
    program = 'import "strconv"\nfunc f(a string) error { _, err := strconv.Atoi(a); return err }'
    right = (
        'if !errors.Is(f("x"), strconv.ErrSyntax) || errors.Is(f("1"), strconv.ErrSyntax) { panic("wrong") }'
    )
    assert run_main(sandbox, program, right).passed


def test_a_constant_is_copied_with_its_place_in_its_block(sandbox: Sandbox) -> None:
    block = 'const ( A, a = 1 << iota, "x"; B, b; _, _; C int8 = step + iota; D )'
    program = block + "\nconst step = 1\nfunc f() int { return int(D) }"
    test = "if f() != 5 || B != 2 || C != 4 || D != 5 { panic(D) }"
    assert run_main(sandbox, program, test).passed


def test_endless_recursion_is_named(sandbox: Sandbox) -> None:
    complaint = judge(sandbox, "func double(a int) int { return 1 + double(a + 1) }").complaint
    assert (complaint.error_type, complaint.message, complaint.line) == ("fatal error", "stack overflow", 7)


def test_a_program_by_itself_reads_standard_input(sandbox: Sandbox) -> None:
    program = 'package main\n\nimport "fmt"\n\nfunc main() {\n\tvar a int\n\tfmt.Scan(&a)\n\tfmt.Println(6 / a)\n}\n'
    assert by_itself(sandbox, "go", program, "3\n").output == "2\n"
    broken = by_itself(sandbox, "go", program, "0\n")
    assert not broken.passed
    assert broken.complaint.message == "integer divide by zero"
    assert broken.complaint.line == 8


SOLUTIONS = {
    "HumanEval_go/0": (
        """for i, a := range numbers {
            for _, b := range numbers[i+1:] {
                if a-b < threshold && b-a < threshold {
                    return true
                }
            }
        }
        return false
}""",
        "a-b < threshold",
        "a-b > threshold",
    ),
    "HumanEval_go/2": ("return number - float64(int(number))\n}", "return number -", "return number +"),
    "HumanEval_go/3": (
        "sum := 0\nfor _, n := range operations { sum += n; if sum < 0 { return true } }\nreturn false\n}",
        "sum < 0",
        "sum <= 0",
    ),
    "HumanEval_go/5": (
        """result := []int{}
        for i, n := range numbers {
            if i > 0 { result = append(result, delimeter) }
            result = append(result, n)
        }
        return result
}""",
        "i > 0",
        "i > 1",
    ),
    "HumanEval_go/7": (
        """found := []string{}
        for _, s := range strings {
            for i := 0; i+len(substring) <= len(s); i++ {
                if s[i:i+len(substring)] == substring { found = append(found, s); break }
            }
        }
        return found
}""",
        "break",
        "",
    ),
    "HumanEval_go/9": (
        "best := append([]int{}, numbers...)\nfor i := range best { if i > 0 && best[i-1] > best[i] "
        "{ best[i] = best[i-1] } }\nreturn best\n}",
        "best[i-1] > best[i]",
        "best[i-1] < best[i]",
    ),
}


@pytest.mark.skipif(not DATA.exists(), reason="the benchmark's file is not here")
@pytest.mark.parametrize("task", SOLUTIONS)
def test_right_solutions_of_humaneval_pass_and_wrong_ones_fail(sandbox: Sandbox, task: str) -> None:
    records = (json.loads(line) for line in DATA.read_text().splitlines())
    record = next(record for record in records if record["task_id"] == task)
    solution, right, wrong = SOLUTIONS[task]
    for change, passes in ((right, True), (wrong, False)):
        program = record["prompt"] + solution.replace(right, change)
        outcome = under_test(sandbox, "go", program, record["test"], record["entry_point"])
        assert outcome.passed == passes, outcome
        assert passes or outcome.complaint.message.startswith("Exception --- test case")
