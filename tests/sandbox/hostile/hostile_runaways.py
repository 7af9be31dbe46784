"""Programs that never end, or exhaust a resource: each gets the verdict that names what it did."""

# ruff: noqa: E501  (programs in one line)
from __future__ import annotations

from hostile_attack import Attack, table

TIME = table(
    "timeout",
    {
        "a loop": "while True: pass",
        "a loop that catches everything": """
while True:
    try:
        while True: pass
    except BaseException: pass
""",
        "a loop when called": "def f(a, b):\n    while True: pass",
        "a sleep": "import time\ntime.sleep(1000)",
        "all signals caught": """
import signal, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
time.sleep(1000)
""",
        "all signals blocked": "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(1000)",
        "a storm of signals": """
import signal
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)
while True: pass
""",
        "a stopped process": "import os, signal, time\nos.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(1000)",
        "a slow regular expression": "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
        "a huge power": "x = 10 ** 10 ** 8",
        "a huge factorial": "import math\nx = math.factorial(10 ** 9)",
        "a dictionary of one hash": """
class Same(int):
    def __hash__(self): return 1
x = {Same(i): i for i in range(10 ** 7)}
""",
        "an endless iterator": "import itertools\nx = sum(itertools.repeat(1))",
        "a C loop that asks for no signals": "import itertools\nx = 5 in itertools.count(6)",
        "an endless sleep in another thread": """
import threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
def f(a, b): time.sleep(1000)
""",
        "a deadlock": "import threading\nlock = threading.Lock()\nlock.acquire(); lock.acquire()",
        "a wait for input that never comes": "import os\nr, w = os.pipe()\nos.read(r, 1)",
        "a flush that never ends": """
import sys, time
class Stream:
    def flush(self): time.sleep(1000)
    def write(self, text): pass
sys.stdout = Stream()
def f(a, b): return 0
""",
        "a repr that never ends": "class R:\n    def __repr__(self):\n        while True: pass\ndef f(a, b): return R()",
        "a truth that is never told": "class R:\n    def __bool__(self):\n        while True: pass\ndef f(a, b): return R()",
        "an exception whose text never ends": "class E(Exception):\n    def __str__(self):\n        while True: pass\ndef f(a, b): raise E",
        "a message that comes bit by bit": "import os, time\nos.write(3, (10 ** 6).to_bytes(4, 'big'))\nwhile True:\n    os.write(3, b' '); time.sleep(0.05)",
        "an answer of numbers with one hash": """
import json, os
def f(a, b):
    body = json.dumps([1, "ok", ["s", *[i * (2 ** 61 - 1) for i in range(60_000)]], {}]).encode()
    os.write(3, len(body).to_bytes(4, "big"))
    while body: body = body[os.write(3, body):]
""",
    },
)

MEMORY = table(
    "memory_limit",
    {
        "much memory at once": "x = bytearray(50 << 30)",
        "much memory bit by bit": "x = []\nwhile True: x.append(bytearray(1 << 24))",
        "many small objects": "x = []\nwhile True: x += [[] for _ in range(10_000)]",
        "a huge list": "x = [0] * 10 ** 12",
        "a huge text": "x = 'x'\nwhile True: x += x",
        "a huge format": "x = '{:>9999999999}'.format(1)",
        "much memory in a function": "def f(a, b): return [0] * 10 ** 11",
    },
)

OUTPUT = table(
    "output_limit",
    {
        "much output": "while True: print('x' * 10000)",
        "much output to stderr": "import sys\nwhile True: sys.stderr.write('x' * 10000)",
        "much output past Python": "import os\nwhile True: os.write(1, b'x' * 65536)",
        "much output on both": "import os\nwhile True:\n    os.write(1, b'x' * 999); os.write(2, b'y' * 999)",
        "much output by a thread": """
import os, threading, time
def flood():
    while True: os.write(1, b"x" * 65536)
threading.Thread(target=flood, daemon=True).start()
time.sleep(1000)
""",
        "output that is flushed at the end": "import sys, io\nsys.stdout.write('x' * (1 << 23))\ndef f(a, b): return 0",
        "a value that is too large": "def f(a, b): return 'x' * (1 << 25)",
        "a list that is too large": "def f(a, b): return ['x' * 999] * 10 ** 4",
    },
)

CRASHES = table(
    "crashed",
    {
        "a broken pointer": "import ctypes\nctypes.string_at(0)",
        "abort": "import os\nos.abort()",
        "a wild jump": "import ctypes\nctypes.CFUNCTYPE(None)(1)()",
        "code made by hand": """
import types
def f(a, b): pass
f.__code__ = f.__code__.replace(co_code=bytes([144, 15, 144, 255, 144, 255, 100, 255, 83, 0]), co_stacksize=1)  # a constant 2 GB away
""",
        "deep recursion in C": """
import sys
sys.setrecursionlimit(10 ** 8)
def f(x, y=0): return sorted([x], key=f)
f(1)
""",
        "a freed interpreter": "import ctypes\nctypes.pythonapi.Py_FinalizeEx()",
    },
)

ANYTHING = table(
    "failed error crashed timeout memory_limit output_limit",
    {
        "a signal to itself": "import os\nos.kill(os.getpid(), 15)",
        "death by kill": "import os\nos.kill(os.getpid(), 9)",
        "recursion": "def f(*a): return f(*a)",
        "a thread bomb": """
import threading, time
while True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
""",
        "a fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "shared memory": "import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 1 << 24)); x[-1].write(b'x' * (1 << 24))",
        "memory behind its input": "import os\nos.ftruncate(0, 1 << 33)",
        "memory in pipes": """
import fcntl, os
pipes = []
while True:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, 1031, 1 << 20)
    os.set_blocking(writer, False)
    os.write(writer, b"x" * (1 << 20))
    pipes.append((reader, writer))
""",
        "a huge file": "with open('big', 'wb') as file:\n    while True: file.write(b'x' * (1 << 20))",
        "many files": "for i in range(10 ** 6): open(f'file-{i}', 'wb').close()",
        "many full files": "for i in range(10 ** 6):\n    with open(f'file-{i}', 'wb') as file: file.write(b'x' * (1 << 20))",
        "a file with holes": "import os\nopen('h', 'w').close()\nos.truncate('h', 1 << 40)",
        "directories without end": "import os\nwhile True:\n    os.mkdir('d'); os.chdir('d')",
        "directories that nobody may enter": "import os\nos.makedirs('a/b/c')\nos.chmod('a/b', 0); os.chmod('a', 0); os.chmod('.', 0)\ndef f(a, b): return 0",
        "files with strange names": """
import os
for name in (b"\\xff\\xfe", b"-rf", b"new\\nline", b" ", "\\u202e".encode(), b"x" * 255): open(name, "w").close()
os.mkfifo("fifo"); os.symlink("/", "root"); os.symlink("loop", "loop")
def f(a, b): return 0
""",
        "every descriptor used": "import os\nwhile True: os.dup(0)",
        "a compile bomb": "x = " + "(" * 90 + "1" + ",)*9" * 90,
        "a constant bomb": "x = ((((((1,) * 999) * 999) * 999) * 999) * 999)",
        "a number that takes for ever to read": "x = " + "9" * 4300 + "\ny = int('9' * 10 ** 7)",
        "a syntax tree too deep": "import ast\nast.literal_eval('-' * 10 ** 6 + '1')",
        "a weak pointer to everything": "import gc\ngc.collect()\nfor x in gc.get_objects():\n    try: x.clear()\n    except Exception: pass\ndef f(a, b): return 0",
        "no recursion at all": "import sys\nsys.setrecursionlimit(60)\ndef f(a, b): return f(a, b)",
        "no garbage collection": "import gc\ngc.disable()\nwhile True:\n    x = []\n    x.append(x)",
        "an exit by exception in a thread": """
import ctypes, threading
main = threading.main_thread().ident
ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main), ctypes.py_object(SystemExit))
def f(a, b): return 0
""",
        "an exit when the interpreter ends": "import atexit, os\natexit.register(os._exit, 0)\nimport sys\nsys.exit(0)",
        "threads left running": """
import threading
def run():
    while True: pass
for _ in range(8): threading.Thread(target=run, daemon=True).start()
def f(a, b): return 0
""",
    },
)

RUNAWAYS: dict[str, Attack] = {**TIME, **MEMORY, **OUTPUT, **CRASHES, **ANYTHING}
