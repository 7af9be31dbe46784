"""Programs that read standard input and print."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rayboot.problems import AssertTest, StdioTest
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

RunAsserts = Callable[..., Verdict]


def test_a_program_s_output_is_compared(check_io: RunAsserts) -> None:
    assert check_io("print(int(input()) * 2)", ("3\n", "6\n"), ("4", "8")).passed
    verdict = check_io("print(int(input()) * 2)", ("3\n", "6\n"), ("4\n", "9\n"))
    assert (verdict.status, verdict.failing_test) == ("failed", 1)
    assert (verdict.call, verdict.got, verdict.expected) == ("4\n", "8", "9")


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ("1 2\n", "1 2", True),
        ("1 2  \n\n", "1 2\n", True),
        ("1 2\r\n3", "1 2\n3\n", True),
        ("1\n2", "1 2", True),
        ("0.33333333", "0.333333331", True),
        ("1e-9", "0.0", True),
        ("2.0", "2", True),
        ("1.234e5", "123400", True),
        ("123456000.0", "123456789", False),
        ("0.99999999", "1", False),
        ("1", "1.000000001", True),
        ("1e999999999", "5", False),
        ("1.001", "1.0", False),
        ("1_0.0", "10.0", False),
        ("\u0661.0", "1.0", False),
        ("100000001", "100000002", False),
        ("YES", "Yes", False),
        ("nan", "1.0", False),
        ("1 2 3", "1 2", False),
        ("", "0", False),
    ],
)
def test_white_space_and_rounding_do_not_count(
    check_io: RunAsserts, printed: str, expected: str, same: bool
) -> None:
    assert check_io(f"print({printed!r}, end='')", ("", expected)).passed is same


@pytest.mark.parametrize(
    "program",
    [
        "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
        "import sys\nsys.stdout.write(str(sum(int(l) for l in sys.stdin)))",
        "import sys\nprint(sum(map(int, sys.stdin.buffer.readlines())))",
        "import os\nprint(sum(map(int, os.read(0, 1000).split())))",
        "print(sum(map(int, open(0))))",
        "def main():\n    print(int(input()) + int(input()))\nif __name__ == '__main__':\n    main()",
        "print(int(input()) + int(input()))\nexit()",
        "print(int(input()) + int(input()))\nimport sys\nsys.exit(0)",
        "print(int(input()) + int(input()))\nraise SystemExit",
        "print(int(input()) + int(input()))\nimport os, sys\nsys.stdout.flush()\nos._exit(0)",
        "import sys\nsys.stdout.reconfigure(encoding='utf-8')\nprint(int(input()) + int(input()))",
        "import io, sys\nsys.stdin = io.TextIOWrapper(sys.stdin.buffer)\n"
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer)\nprint(int(input()) + int(input()))",
        "import io, sys\nout = io.TextIOWrapper(sys.stdout.buffer)\nout.write(str(int(input()) + int(input())))",
        "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.detach())\nprint(int(input()) + int(input()))",
        "import sys\nout = open(1, 'w')\nout.write(str(sum(map(int, sys.stdin.buffer.read().split()))))",
        "import sys\nsys.stdin = open('/dev/stdin')\nopen('/dev/stdout', 'w').write(str(sum(map(int, sys.stdin))))",
        "import os, pathlib\nn = sum(map(int, pathlib.Path('/dev/stdin').read_text().split()))\n"
        "os.write(os.open('/dev/stdout', os.O_WRONLY), str(n).encode())",
        "def solve(a, b):\n    print(a + b)\nreturn solve(int(input()), int(input()))",
        "try:\n    return print(int(input()) + int(input()))\nexcept:\n    print('no')",
        "print((10 ** 5000 + int(input()) + int(input())) % 10)",
        "print(int(str(int('1' * 5000))[:1]) + int(input()) + int(input()) - 1)",
        "x = int(input())\nif x == 1:\n    print(x + int(input()))\n    return\nprint('no')",
        "import threading\nt = threading.Thread(target=lambda: print(int(input()) + int(input())))\nt.start()",
        "import atexit, io, sys\nout = io.StringIO()\natexit.register(lambda: sys.__stdout__.write(out.getvalue()))\n"
        "print(int(input()) + int(input()), file=out)",
        "class Sum:\n    def __init__(self): self.sum = int(input()) + int(input())\n"
        "    def __del__(self): print(self.sum)\nsum = Sum()",
        "class Sum:\n    def __init__(self): self.sum, self.own = int(input()) + int(input()), self\n"
        "    def __del__(self): print(self.sum)\nsum = Sum()",
        "import sys\nprint(int(input()) + int(input()))\ndel sys.stdout",
        "import os, shutil\nos.mkdir('a')\nopen('a/b', 'w').write(str(int(input()) + int(input())))\n"
        "shutil.copytree('a', 'c')\nprint(open(shutil.copy2('c/b', 'd')).read())",
        "import os\nos.write(1, str(int(input()) + int(input())).encode())",
        "import sys\nsys.setrecursionlimit(10 ** 6)\nsys.stdin = open(0)\nprint(int(input()) + int(input()))",
    ],
)
def test_the_usual_ways_to_read_and_print_work(check_io: RunAsserts, program: str) -> None:
    verdict = check_io(program, ("1\n2\n", "3\n"))
    assert verdict.passed, verdict


def test_a_number_of_more_than_4300_digits_can_be_printed_and_compared(check_io: RunAsserts) -> None:
    assert check_io("print(10 ** int(input()))", ("5000\n", "1" + 5000 * "0")).passed
    assert not check_io("print(10 ** int(input()) + 1)", ("5000\n", "1" + 5000 * "0")).passed


def test_each_test_starts_afresh(check_io: RunAsserts) -> None:
    program = "import os\nprint(os.path.exists('x'))\nopen('x', 'w').close()"
    assert check_io(program, ("", "False"), ("", "False")).passed


def test_an_exception_is_an_error_even_after_the_right_output(check_io: RunAsserts) -> None:
    verdict = check_io("print(3, flush=True)\nraise KeyError('k')", ("", "3"))
    assert (verdict.status, verdict.error_type, verdict.line, verdict.failing_test) == (
        "error",
        "KeyError",
        2,
        0,
    )
    assert "Traceback" in verdict.stderr


def test_a_status_other_than_0_is_an_error(check_io: RunAsserts) -> None:
    verdict = check_io("print(3)\nexit(2)", ("", "3"))
    assert (verdict.status, verdict.error_type) == ("error", "SystemExit")
    assert "2" in verdict.message


def test_reading_past_the_end_is_an_error(check_io: RunAsserts) -> None:
    assert check_io("input()\ninput()", ("1\n", "")).error_type == "EOFError"


def test_large_input_and_output_do_not_block(check_io: RunAsserts) -> None:
    text = "\n".join(map(str, range(100_000)))
    assert check_io("import sys\nsys.stdout.write(sys.stdin.read())", (text, text)).passed


def test_runaways_are_named(check_io: RunAsserts) -> None:
    limits = Limits(timeout=20.0, memory=256 << 20)
    assert check_io("while True: pass", ("", ""), limits=Limits(timeout=0.5)).status == "timeout"
    assert check_io("while True: print('x' * 1000)", ("", ""), limits=limits).status == "output_limit"
    assert check_io("x = bytearray(1 << 40)", ("", ""), limits=limits).status == "memory_limit"
    assert check_io("import ctypes\nctypes.string_at(0)", ("", ""), limits=limits).status == "crashed"
    assert check_io("print(1", ("", ""), limits=limits).status == "syntax_error"


def test_a_flood_on_the_sandbox_s_channel_is_stopped(check_io: RunAsserts) -> None:
    program = "import os\nwhile True: os.write(3, b'\\0' * 65536)"
    assert not check_io(program, ("", ""), limits=Limits(timeout=5.0)).passed


def test_kinds_of_test_mix(sandbox: Sandbox) -> None:
    program = "def f(x): return 2 * x\nif __name__ == '__main__':\n    print(f(int(input())))"
    tests = [
        AssertTest(code="assert f(2) == 4"),
        StdioTest(stdin="5", stdout="10"),
        AssertTest(code="assert f(3) == 6"),
    ]
    assert sandbox.run(program, tests).passed
