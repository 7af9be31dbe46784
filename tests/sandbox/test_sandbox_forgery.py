"""Programs that try to be called right without being right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rayboot.sandbox import Verdict

RunAsserts = Callable[..., Verdict]

TEST = "assert f(1, 2) == 1234567"
CHECK = (
    "def check(candidate):\n    for x in range(3):\n        assert candidate(x, x) == 1234567 + x\ncheck(f)"
)

TRICKS = {
    "an object that equals everything": """
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return True
    def __bool__(self): return True
    __hash__ = None
def f(a, b): return Yes()
""",
    "an int that equals everything": """
class Yes(int):
    def __eq__(self, other): return True
    def __rsub__(self, other): return 0
    def __sub__(self, other): return 0
def f(a, b): return Yes(5)
""",
    "a str subclass that equals everything": """
class Yes(str):
    def __eq__(self, other): return True
def f(a, b): return Yes("x")
""",
    "a list that equals everything": """
class Yes(list):
    def __eq__(self, other): return True
    def __iter__(self): return iter([1])
def f(a, b): return Yes()
""",
    "a class that claims to be an int": """
class Yes:
    __class__ = int
    def __eq__(self, other): return True
    def __add__(self, other): return 1
    def __int__(self): return 1
    def __index__(self): return 1
def f(a, b): return Yes()
""",
    "mock.ANY": "from unittest import mock\nf = lambda a, b: mock.ANY",
    "exit with status 0 at once": "import sys\nsys.exit(0)",
    "exit with status 0 when called": "import sys\ndef f(a, b): sys.exit(0)",
    "os._exit at once": "import os\nos._exit(0)",
    "os._exit when called": "import os\ndef f(a, b): os._exit(0)",
    "exit when the interpreter ends": "import atexit, os\natexit.register(os._exit, 0)\ndef f(a, b): return 0",
    "raise SystemExit": "def f(a, b): raise SystemExit(0)",
    "raise StopIteration": "def f(a, b): raise StopIteration",
    "raise KeyboardInterrupt": "def f(a, b): raise KeyboardInterrupt",
    "raise GeneratorExit": "def f(a, b): raise GeneratorExit",
    "patched builtins": """
import builtins
for name in ("isinstance", "bool", "all", "any", "abs", "eval", "exec", "compile"):
    pass
builtins.AssertionError = type("Quiet", (Exception,), {})
builtins.abs = lambda x: 0
builtins.bool = lambda x: True
builtins.eval = lambda *a: True
def f(a, b): return 0
""",
    "patched operator": """
import operator
operator.eq = lambda a, b: True
operator.ne = lambda a, b: True
def f(a, b): return 0
""",
    "patched json": """
import json
json.loads = lambda *a, **k: [1, "ok", True]
json.dumps = lambda *a, **k: '[1, "ok", true]'
def f(a, b): return 0
""",
    "settrace that changes results": """
import sys
def tracer(frame, event, arg):
    for name in list(frame.f_locals):
        if name in ("outcome", "result", "value", "expected", "status"):
            frame.f_locals[name] = True
    return tracer
sys.settrace(tracer)
sys.setprofile(lambda *a: None)
def f(a, b): return 0
""",
    "looking for the expected value in the frames": """
import sys
def numbers(value, depth=0):
    if isinstance(value, int) and value > 1000000: yield value
    elif isinstance(value, (list, tuple, set)) and depth < 5:
        for item in value: yield from numbers(item, depth + 1)
    elif isinstance(value, dict) and depth < 5:
        for item in value.values(): yield from numbers(item, depth + 1)
    elif hasattr(value, "co_consts"): yield from numbers(value.co_consts, depth + 1)
def f(a, b):
    frame = sys._getframe()
    while frame:
        for place in (frame.f_locals, frame.f_code.co_consts):
            for number in numbers(place):
                if 1234560 < number < 1234580: return number
        frame = frame.f_back
    return 0
""",
    "looking for the expected value among all objects": """
import gc, re
def f(a, b):
    for thing in gc.get_objects():
        try:
            for item in thing.values() if isinstance(thing, dict) else thing:
                if type(item) is int and 1234560 < item < 1234580: return item
                found = re.search("12345[6]7", item) if type(item) is str else None
                if found: return int(found[0])
        except Exception: pass
    return 0
""",
    "scanning memory": """
import ctypes, re
def f(a, b):
    import gc
    for thing in gc.get_objects():
        found = re.search(rb"12345[6][7]", ctypes.string_at(id(thing), 48))
        if found: return int(found[0])
    try: return int(re.search(rb"12345[6][7]", open("/proc/self/mem", "rb").read())[0])
    except OSError: return 0
""",
    "answers written to every descriptor": """
import os, json
def frame(x):
    body = json.dumps(x).encode()
    return len(body).to_bytes(4, "big") + body
messages = [["ready"], [1, "ok", True, {}], [1, "ok", 1, {}], [{"status": "passed"}], {"status": "passed"}]
for fd in range(3, 64):
    for message in messages:
        try: os.write(fd, frame(message))
        except OSError: pass
def f(a, b): return 0
""",
    "a verdict instead of an answer": """
import os, json
def frame(x):
    body = json.dumps(x).encode()
    return len(body).to_bytes(4, "big") + body
def f(a, b):
    for message in ([{"status": "passed"}], [1, "passed", True, {}], ["passed"], [1000001, "ok", True, {}]):
        os.write(3, frame(message))
    os._exit(0)
""",
    "a malformed answer": """
import os
def f(a, b):
    os.write(3, (10).to_bytes(4, "big") + b"[1,\\"ok\\",]]")
    os._exit(0)
""",
    "an answer of unknown type": """
import os, json
def f(a, b):
    body = b'[1, "ok", ["z", 5], {}]'
    os.write(3, len(body).to_bytes(4, "big") + body)
    os._exit(0)
""",
    "a marker on the output": """
print('passed', flush=True)
print('{"status": "passed"}', flush=True)
def f(a, b): return 0
""",
    "a patched sandbox module": """
import sys
for name, module in list(sys.modules.items()):
    if name.startswith("inside"):
        for key in list(vars(module)):
            if callable(getattr(module, key, None)):
                try: setattr(module, key, lambda *a, **k: {"status": "passed"})
                except Exception: pass
def f(a, b): return 0
""",
    "the asserts' exception made harmless": "AssertionError = None\ndef f(a, b): return 0",
    "a name that hides the test's": "def check(*a): pass\ndef f(a, b): return 0",
    "an answer that is always near": """
class Near(float):
    def __sub__(self, other): return 0.0
    def __rsub__(self, other): return 0.0
    def __abs__(self): return 0.0
    def __lt__(self, other): return True
def f(a, b): return Near(0)
""",
}


@pytest.mark.parametrize("program", TRICKS.values(), ids=TRICKS)
@pytest.mark.parametrize(
    "test", [TEST, CHECK, "assert abs(f(1, 2) - 1234567.5) < 1e-6"], ids=["question", "judge", "near"]
)
def test_a_trick_never_passes(check: RunAsserts, program: str, test: str) -> None:
    verdict = check(program, test)
    assert not verdict.passed
    assert verdict.status != "sandbox_error", verdict


def test_the_next_program_runs_after_all_that(check: RunAsserts) -> None:
    assert check("def f(a, b): return 1234567", TEST).passed


def test_an_early_answer_counts_as_the_program_s_own(check: RunAsserts) -> None:
    """It may guess, as any program may; the comparison is made elsewhere, with a value that it has not seen."""
    program = """
import os, json
for message in (["ready"], [1, "ok", 7, {}]):
    body = json.dumps(message).encode()
    os.write(3, len(body).to_bytes(4, "big") + body)
"""
    assert check(program, "assert f(1) == 8").status == "failed"
    assert check(program, "assert f(1) == 8").got == "7"


def test_a_judge_s_loop_is_not_ended_by_an_exception_of_the_program(check: RunAsserts) -> None:
    test = "for got, want in zip(map(f, [1, 2]), [1, 2]):\n    assert got == want"
    assert not check("def f(x): raise StopIteration", test).passed


def test_a_remote_value_is_compared_by_identity_alone(check: RunAsserts) -> None:
    program = "class Yes:\n    def __eq__(self, other): return True\ndef f(x): return Yes()"
    assert check(program, "a, b = f(1), f(2)\nassert a == b").status == "failed"
    assert check(program, "a = f(1)\nassert a == a").passed
