"""Go under a test file: right and wrong programs of the benchmark, hostile ones, and what is said of errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.foreign import Outcome, by_itself, under_test

from rayboot.sandbox import LANGUAGES, Sandbox, missing

pytestmark = pytest.mark.skipif(bool(missing(LANGUAGES["go"])), reason="no Go toolchain here")

DATA = (
    Path(__file__).parents[2].parent / "shared" / "data" / "multilingual_humaneval" / "HumanEval_go_v1.jsonl"
)

HEAD = 'package main\n\nimport (\n\t"encoding/json"\n\t"reflect"\n)\n'
TEST = """

func deepCompare(a interface{}, b interface{}, msg string) bool {
	aJSON, err := json.Marshal(a)
	if err != nil {
		panic(msg)
	}
	bJSON, err := json.Marshal(b)
	if err != nil {
		panic(msg)
	}
	var a2 interface{}
	var b2 interface{}
	err = json.Unmarshal(aJSON, &a2)
	if err != nil {
		panic(msg)
	}
	err = json.Unmarshal(bJSON, &b2)
	if err != nil {
		panic(msg)
	}
	result := reflect.DeepEqual(a2, b2)
	if result {
		return true
	} else {
		panic(msg)
	}
}

func main() {
	actual_1 := double(3)
	expected_1 := 6
	deepCompare(actual_1, expected_1, "Exception --- test case 0 failed to pass")

}
"""


def judge(sandbox: Sandbox, body: str, imports: str = "") -> Outcome:
    head = HEAD.replace(")\n", imports + ")\n")
    return under_test(sandbox, "go", head + body, TEST, "double")


def test_a_right_program_passes_and_a_wrong_one_fails(sandbox: Sandbox) -> None:
    assert judge(sandbox, "func double(a int) int { return 2 * a }").passed
    wrong = judge(sandbox, "func double(a int) int { return 3 * a }")
    assert not wrong.passed
    assert wrong.complaint.error_type == "panic"
    assert wrong.complaint.message == "Exception --- test case 0 failed to pass"
    assert wrong.complaint.line is None


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
        ("func double(a int) int {", "syntax error: unexpected EOF, expecting }", 8),
        ("func twice(a int) int { return 2 * a }", "undefined: double", None),
        (
            "func double(a, b int) int { return a }",
            "in the test file: not enough arguments in call to double;",
            None,
        ),
        (
            "func double(a int) int { return a }\nfunc main() {}",
            "main redeclared in this block; exports.go:4:6: other declaration of main",
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


HOSTILE = {
    "exit": ("func double(a int) int { os.Exit(0); return 0 }", '"os"\n'),
    "exit in init": ("func init() { os.Exit(0) }\nfunc double(a int) int { return 0 }", '"os"\n'),
    "exit of the goroutine": ("func double(a int) int { runtime.Goexit(); return 0 }", '"runtime"\n'),
    "exit in another goroutine": ("func double(a int) int { go os.Exit(0); select {} }", '"os"\n'),
    "a panic of its own": ("func panic(v interface{}) {}\nfunc double(a int) int { return 0 }", ""),
    "its own truth": (
        "const false = true\nvar true = 1 == 1\nfunc double(a int) int { return 0 }",
        "",
    ),
    "its own types": ("type string = int\ntype int = int8\nfunc double(a int) int { return 0 }", ""),
    "a number that writes itself as anything": (
        "type number int\nfunc (n number) MarshalJSON() ([]byte, error) { return []byte(`7`), nil }\n"
        "func (n number) Equal(other any) bool { return true }\nfunc double(a int) number { return 6 }",
        "",
    ),
    "reading the secret": (
        "func init() { line, _ := io.ReadAll(os.Stdin); os.Stderr.Write(line); os.Exit(0) }\n"
        "func double(a int) int { return 0 }",
        '"io"\n"os"\n',
    ),
    "another standard error": (
        "func init() { os.Stderr = os.Stdout }\nfunc double(a int) int { return 0 }",
        '"os"\n',
    ),
    "a guess": (
        'func double(a int) int { println("0123456789abcdef0123456789abcdef"); os.Exit(0); return 0 }',
        '"os"\n',
    ),
    "a copy of the launcher's call": (
        "func double(a int) int { nonce.Finish(); return 0 }",
        '"rayboot/nonce"\n',
    ),
}


@pytest.mark.parametrize(("program", "imports"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_program_does_not_pass(sandbox: Sandbox, program: str, imports: str) -> None:
    assert not judge(sandbox, program, imports).passed


def test_another_package_cannot_stand_in_for_one_that_the_test_imports(sandbox: Sandbox) -> None:
    program = HEAD.replace('"encoding/json"', 'json "encoding/xml"') + "func double(a int) int { return 0 }"
    complaint = under_test(sandbox, "go", program, TEST, "double").complaint
    assert complaint.message == "Exception --- test case 0 failed to pass"


@pytest.mark.parametrize(
    "package", ["unsafe", "un\\x73afe", "syscall", "runtime/debug", "plugin", "internal/reflectlite"]
)
def test_packages_that_reach_memory_are_not_to_be_had(sandbox: Sandbox, package: str) -> None:
    complaint = judge(sandbox, "func double(a int) int { return 2 * a }", f'\t_ "{package}"\n').complaint
    assert complaint.message.endswith(": not available")
    assert complaint.line == 6


def test_a_function_cannot_be_linked_to_one_of_the_runtime(sandbox: Sandbox) -> None:
    body = "//go:linkname exit rayboot/nonce.Finish\nfunc exit()\nfunc double(a int) int { exit(); return 0 }"
    assert judge(sandbox, body).complaint.error_type == "compile error"


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
