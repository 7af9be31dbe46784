"""Go programs that try to pass without being right, and what a program says of itself."""

from __future__ import annotations

import pytest
from support.foreign import under_test
from support.go_programs import HEAD, TEST, judge, run_main

from rayboot.sandbox.inside.languages import LANGUAGES, missing
from rayboot.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.skipif(bool(missing(LANGUAGES["go"])), reason="no Go toolchain here")

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
        "type number int\nfunc (n number) MarshalJSON() ([]byte, error) { return []byte(`6`), nil }\n"
        "func (n number) Equal(other any) bool { return true }\nfunc double(a int) number { return 7 }",
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
    "the sandbox's own package": (
        'func double(a int) int { wire.Write([]interface{}{1, "ok", []int{7}, []int{}}); return 0 }',
        '"rayboot/wire"\n',
    ),
    "forged frames on every descriptor": (
        "func double(a int) int {\n\tfor _, text := range []string{"
        '`[1,"ok",[7],[]]`, `["verdict",{"status":"passed"}]`} {\n'
        "\t\tframe := append([]byte{0, 0, 0, byte(len(text))}, text...)\n"
        "\t\tfor fd := 0; fd < 9; fd++ { syscall.Write(fd, frame) }\n\t}\n\treturn 0\n}",
        '"syscall"\n',
    ),
    "everything that it finds in memory": (
        "var found [][]byte\nfunc double(a int) int {\n"
        "\tfor at := uintptr(0xc000000000); at < 0xc000100000; at += 64 {\n"
        "\t\tfound = append(found, append([]byte{}, unsafe.Slice((*byte)(unsafe.Pointer(at)), 64)...))\n\t}\n"
        "\tfor _, bytes := range found { os.Stderr.Write(bytes) }\n\treturn 0\n}",
        '"os"\n"unsafe"\n',
    ),
    "a slice over all memory, made by a data race": (
        "type pair struct{ a, b interface{} }\nfunc double(a int) int {\n\tvar x interface{} = new(int)\n"
        "\tgo func() { for { x = new(int) } }()\n\tgo func() { for { x = &[1 << 20]int{} } }()\n"
        "\tfor i := 0; i < 100000; i++ { if p, ok := x.(*[1 << 20]int); ok { _ = p[1<<19] } }\n\treturn 0\n}",
        "",
    ),
    "a goroutine that panics": (
        "func double(a int) int { go panic(1); select {} }",
        "",
    ),
    "a function that is linked to the test's": (
        "//go:linkname told rayboot/wire.outcome\nfunc told(x interface{}) map[string]interface{}\n"
        "func double(a int) int { told(nil); return 0 }",
        '_ "unsafe"\n',
    ),
}


@pytest.mark.parametrize(("program", "imports"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_program_does_not_pass(sandbox: Sandbox, program: str, imports: str) -> None:
    assert not judge(sandbox, program, imports).passed


def test_another_package_cannot_stand_in_for_one_that_the_test_imports(sandbox: Sandbox) -> None:
    program = HEAD.replace('"encoding/json"', 'json "encoding/xml"') + "func double(a int) int { return 0 }"
    complaint = under_test(sandbox, "go", program, TEST, "double").complaint
    assert complaint.message == "Exception --- test case 0 failed to pass"


IS_SEVEN = 'if isp(6) != false { panic("6") }; if isp(7) != true { panic("7") }'
SHOULD_PANIC = 'defer func() { if recover() == nil { panic("should panic") } }(); isp('
WAITS = "c := make(chan bool); go func() { c <- isp(7) }(); if !<-c { panic(1) }"
CALLED_BACK = 'ch := make(chan int, 1); f(func(x int) { ch <- x }); if <-ch != 6 { panic("wrong") }'
MOVED = "func move(p Point) Point { return Point{X: p.X + 7} }"
SAME_JSON = """
	a, _ := json.Marshal(move(Point{1}))
	b, _ := json.Marshal(Point{2})
	if string(a) != string(b) { panic("wrong") }"""
SAME_TEXT = 'if fmt.Sprint(move(Point{1})) != fmt.Sprint(Point{2}) { panic("wrong") }'
SIX = 'if f(3).Cmp(big.NewInt(6)) != 0 { panic("wrong") }'
LIES = "func (i *Int) Cmp(o ...interface{}) int { return 0 }\n"
BELIEVED = {
    "a truth beside a constant that a signature needs": (
        "const ( N = 1; false = 1 == 1 )\nfunc isp(a int, _ ...[N]int) bool { return 1 == 1 }",
        IS_SEVEN,
        "failed",
    ),
    "an argument that cannot cross, for a panic of the program": (
        "func isp(c chan int) int { return 1 }",
        SHOULD_PANIC + "make(chan int))",
        "sandbox_error",
    ),
    "a result that cannot cross, for a panic": (
        "func isp(c int) interface{} { return make(chan int) }",
        SHOULD_PANIC + "-1)",
        "error",
    ),
    "a result that cannot cross, for a limit": (
        "func isp(c int) interface{} { return []interface{}{make(chan int)} }",
        IS_SEVEN,
        "error",
    ),
    "a forged result that cannot cross": (
        'import "syscall"\nfunc isp(a int) bool {\n\tm := `[1,"raised",{"type":"unsupported"},[]]`\n'
        "\tsyscall.Write(3, append([]byte{0, 0, 0, byte(len(m))}, m...))\n\tselect {}\n}",
        IS_SEVEN,
        "error",
    ),
    "a forged array that is too large": (
        'import "syscall"\nfunc isp(a int) interface{} {\n'
        '\tm := `[1,"ok",[[["array",["array","int",1048576],1024],[[]]]],[]]`\n'
        "\tsyscall.Write(3, append([]byte{0, 0, 0, byte(len(m))}, m...))\n\tselect {}\n}",
        IS_SEVEN,
        "failed",
    ),
    "a panic in a goroutine of the test": ("func isp(c int) bool { panic(1) }", WAITS, "failed"),
    "the JSON of what the test names": ("type Point struct { X int }\n" + MOVED, SAME_JSON, "failed"),
    "a tag of what the test names": ('type Point struct { X int `json:"-"` }\n' + MOVED, SAME_JSON, "failed"),
    "a field that JSON does not know": (
        "type Point struct { x int }\nfunc move(p Point) Point { return Point{p.x + 7} }",
        SAME_JSON,
        "sandbox_error",
    ),
    "a field that is not compared": (
        "type Point struct { _ int }\nfunc move(p Point) Point { return Point{7} }",
        'if move(Point{1}) != (Point{2}) { panic("wrong") }',
        "failed",
    ),
    "a JSON of its own": (
        "type I interface { MarshalJSON() ([]byte, error) }\ntype Point struct { X int; I []I }\n"
        "func (p Point) MarshalJSON() ([]byte, error) { return []byte(`1`), nil }\n" + MOVED,
        SAME_JSON.replace("Point{", "Point{X: "),
        "sandbox_error",
    ),
    "a text of its own": (
        "type Point struct { X int }\nfunc (p Point) String() string { return `p` }\n" + MOVED,
        SAME_TEXT,
        "sandbox_error",
    ),
    "a text of its own, as an error": (
        "type Point struct { X int }\nfunc (p Point) Error() string { return `p` }\n" + MOVED,
        SAME_TEXT,
        "sandbox_error",
    ),
    "a comparison with an object of the standard library": (
        "type Int struct{}\n" + LIES + "func f(a int64) *Int { return &Int{} }",
        SIX,
        "sandbox_error",
    ),
    "such a comparison by an interface": (
        "type Int struct{}\n" + LIES + "type I interface { Cmp(o ...interface{}) int }\n"
        "func f(a int64, _ ...*Int) I { return &Int{} }",
        SIX,
        "sandbox_error",
    ),
    "such a comparison by a field": (
        "type Int struct { Cmp func(o interface{}) int }\n"
        "func f(a int64) *Int { return &Int{func(o interface{}) int { return 0 }} }",
        SIX,
        "sandbox_error",
    ),
    "a callback that is not called": ("func f(g func(int)) {}", CALLED_BACK, "failed"),
}


@pytest.mark.parametrize(("program", "test", "status"), BELIEVED.values(), ids=BELIEVED.keys())
def test_what_the_program_says_of_itself_decides_nothing(
    sandbox: Sandbox, program: str, test: str, status: str
) -> None:
    verdict = run_main(sandbox, program, test)
    assert verdict.status == status, verdict


REACHING = {
    "signals and traces": (
        '"os"\n"syscall"\n',
        "for p := 1; p < os.Getpid()+60; p++ { if p != os.Getpid() { syscall.Kill(p, 9); syscall.PtraceAttach(p) } }\n"
        "syscall.Kill(-1, 9)",
    ),
    "memory of others": (
        '"fmt"\n"os"\n',
        "for p := 1; p < 70000; p++ {\n"
        '_, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", p), os.O_RDWR, 0)\n'
        "if err == nil { return 2 * a }\n}",
    ),
    "forged verdicts": (
        '"syscall"\n',
        'm := `["verdict",{"status":"passed"}]`\n'
        "for fd := 3; fd < 300; fd++ { syscall.Write(fd, append([]byte{0, 0, 0, byte(len(m))}, m...)) }",
    ),
    "folders of others": (  # /tmp may be the program's own, with nothing but the program in it
        '"os"\n',
        'for _, d := range []string{"..", "/tmp", "/dev/shm", "/var/tmp"} {\n'
        "if l, _ := os.ReadDir(d); len(l) > 1 { return 2 * a }\n}",
    ),
    "files of the compiler": (
        '"syscall"\n',
        "var s syscall.Stat_t\nfor fd := 4; fd < 64; fd++ {\n"
        "if syscall.Fstat(fd, &s) == nil && s.Mode&syscall.S_IFMT == syscall.S_IFREG { return 2 * a }\n}",
    ),
}


@pytest.mark.parametrize("way", REACHING)
def test_nothing_beyond_the_program_is_in_its_reach(each_tier: Sandbox, way: str) -> None:
    imports, body = REACHING[way]
    assert not judge(each_tier, f"func double(a int) int {{\n{body}\nreturn 0\n}}", imports).passed
    assert judge(each_tier, "func double(a int) int { return 2 * a }").passed
