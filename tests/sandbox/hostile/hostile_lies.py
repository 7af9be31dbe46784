"""Programs that try to pass without being right. `f` should have returned a number that they do not know."""

# ruff: noqa: E501  (programs in one line)
from __future__ import annotations

from hostile_attack import table

LIES = table(
    "failed error crashed timeout output_limit",
    {
        "a set whose subclass never ends": """
class R(set):
    def __iter__(self):
        while True: pass
def f(a, b): return R()
""",
        "a list that holds itself twice": "def f(a, b):\n    x = []\n    x += [x, x]\n    return x",
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
        "an object that is an int by every way of asking": """
class Meta(type):
    def __instancecheck__(cls, x): return True
    def __subclasscheck__(cls, x): return True
    def __eq__(cls, other): return True
    def __hash__(cls): return hash(int)
    __name__ = "int"
class Yes(metaclass=Meta):
    __class__ = property(lambda self: int)
    __eq__ = __le__ = __ge__ = __lt__ = lambda self, other: True
    __hash__ = lambda self: 1234567
    __float__ = lambda self: 1234567.5
    __sub__ = __rsub__ = __abs__ = lambda self, *other: 0
    __getattr__ = lambda self, name: self
    __call__ = lambda self, *a, **k: True
def f(a, b): return Yes()
""",
        "a value that asks to be unpickled": """
class Reduced:
    def __reduce__(self): return (eval, ("__import__('os').write(2, b'ESCAPED')",))
    __reduce_ex__ = lambda self, protocol: self.__reduce__()
    __getstate__ = __deepcopy__ = __copy__ = lambda self, *a: 1234567
def f(a, b): return Reduced()
""",
        "NaN": "def f(a, b): return float('nan')",
        "infinity": "def f(a, b): return float('inf')",
        "a list that holds itself": "def f(a, b):\n    x = [1]\n    x.append(x)\n    return x",
        "a dictionary that holds itself": "def f(a, b):\n    x = {}\n    x[1] = x\n    return x",
        "a list nested very deep": "def f(a, b):\n    x = []\n    for _ in range(10 ** 6): x = [x]\n    return x",
        "a repr that never stops recurring": "class R:\n    def __repr__(self): return repr(self)\ndef f(a, b): return R()",
        "a repr of a gigabyte": "class R:\n    def __repr__(self): return 'x' * (1 << 29)\ndef f(a, b): return R()",
        "a repr that raises": "class R:\n    def __repr__(self): raise SystemExit\ndef f(a, b): return R()",
        "a repr that is no text": "class R:\n    def __repr__(self): return 5\ndef f(a, b): return R()",
        "a type whose name is no text": "class R:\n    pass\nR.__name__ = type('S', (str,), {'__getitem__': lambda *a: 1})('R')\ndef f(a, b): return R()",
        "an exception whose text raises": """
class E(Exception):
    def __str__(self): raise KeyboardInterrupt
    __repr__ = __str__
def f(a, b): raise E
""",
        "an exception that is not one": """
class E(BaseException):
    __traceback__ = property(lambda self: 1 / 0)
    __class__ = property(lambda self: 1 / 0)
def f(a, b): raise E
""",
        "an exception with the name of an assert": "class AssertionError(Exception): pass\ndef f(a, b): raise AssertionError('1234567')",
        "an exception group": "def f(a, b): raise ExceptionGroup('all', [StopIteration(), SystemExit() and ValueError()])",
        "an exception of a thousand classes": """
class E(Exception): pass
for i in range(1000): E = type("E" * 1000, (E,), {})
def f(a, b): raise E("x" * 10 ** 7)
""",
        "lone surrogates everywhere": """
import sys
text = "\\ud800" * 100
sys.stdout.reconfigure(errors="surrogatepass")
print(text, file=sys.stdout)
def f(a, b): raise type(text, (Exception,), {})(text)
""",
        "lone surrogates as a result": "def f(a, b): return {'\\udcff': ['\\ud800']}",
        "null bytes and terminal codes": "def f(a, b):\n    print('\\0\\x1b[2J\\x1b]0;x\\x07')\n    raise ValueError('\\0\\x1b[2J')",
        "a generator that would say yes": "def f(a, b):\n    while True: yield 1234567",
        "a coroutine": "async def f(a, b): return 1234567",
        "a function that answers for every name": "def __getattr__(name): return lambda *a: True\ndef f(a, b): return __getattr__",
        "numbers of the interpreter's own, changed in memory": """
import ctypes
def f(a, b):
    for small in range(257):
        ctypes.c_uint32.from_address(id(small) + 24).value = 1234567
    return 5
""",
        "the test's own function replaced": """
import builtins
class Check:
    def __set__(self, *a): pass
builtins.check = lambda *a: None
builtins.__build_class__ = None
globals()["check"] = lambda *a: None
def f(a, b): return 0
""",
        "a namespace that says yes": """
import sys
class Yes(dict):
    def __getitem__(self, key): return lambda *a, **k: True
    def get(self, *a): return True
sys.modules["program"].__dict__.update({name: True for name in ("check", "candidate", "x")})
sys.modules["program"] = Yes()
def f(a, b): return 0
""",
        "an import hook": """
import sys
class Hook:
    def find_spec(self, name, path=None, target=None): raise SystemExit(0)
sys.meta_path.insert(0, Hook())
sys.path_hooks[:] = []
for name in list(sys.modules):
    if name not in ("sys", "builtins"): del sys.modules[name]
def f(a, b): return 0
""",
        "modules replaced by ones that say yes": """
import sys, types
class Yes(types.ModuleType):
    def __getattr__(self, name): return lambda *a, **k: True
for name in ("math", "json", "operator", "unittest", "ast", "inside.compare", "inside.judge", "inside.values"):
    sys.modules[name] = Yes(name)
def f(a, b): return 0
""",
        "the sandbox's encoder replaced": """
import sys
def f(a, b):
    frame = sys._getframe(1)
    while frame:
        scopes = [frame.f_globals]
        for value in list(frame.f_locals.values()):
            for kind in type(value).__mro__:
                scopes += [s for m in list(vars(kind).values()) if (s := getattr(m, "__globals__", None)) is not None]
        for scope in scopes:
            for name, value in {"encode": lambda *a: True, "value": True, "reply": [1, "ok", True, {}]}.items():
                if name in scope: scope[name] = value
        frame = frame.f_back
    return 0
""",
        "the sandbox's loop taken over": """
import sys
def f(a, b):
    frame = sys._getframe(1)
    while frame and "self" not in frame.f_locals: frame = frame.f_back
    me = frame.f_locals["self"]
    type(me)._eval = type(me)._call = lambda self, *a: [True, {}]
    type(me)._names = lambda self, names: [{name: True for name in names}, {}]
    return 0
""",
        "profile, trace and audit hooks": """
import sys, threading
threading.settrace(lambda *a: sys._exit(0)); threading.setprofile(lambda *a: None)
sys.addaudithook(lambda *a: None)
def hook(frame, event, arg):
    frame.f_trace_opcodes = True
    try: frame.f_lineno += 1
    except ValueError: pass
    return hook
sys.settrace(hook)
sys._getframe().f_trace = hook
def f(a, b): return 0
""",
        "all standard streams replaced": """
import sys
class Yes:
    def __getattr__(self, name): return lambda *a: 1234567
sys.stdin = sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = Yes()
sys.excepthook = sys.unraisablehook = sys.displayhook = lambda *a: None
def f(a, b): return 0
""",
        "all descriptors closed when called": "import os\ndef f(a, b): os.closerange(0, 1 << 16)",
    },
)
