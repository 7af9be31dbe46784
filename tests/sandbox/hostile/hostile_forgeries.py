"""Programs that write to the channel of their requests, in order to be believed or to do harm."""

# ruff: noqa: E501  (programs in one line)
from __future__ import annotations

from hostile_attack import table

FRAME = """
import json, os
def frame(message):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return len(body).to_bytes(4, "big") + body
"""

FORGERIES = table(
    "failed error syntax_error memory_limit crashed timeout output_limit",  # it may report itself as wrong
    {
        "the channel shut down": """
import socket
def f(a, b): socket.socket(fileno=3).shutdown(socket.SHUT_RDWR)
""",
        "the channel replaced by a file": "import os\ndef f(a, b): os.dup2(os.open('x', os.O_RDWR | os.O_CREAT), 3)",
        "output on the channel": "import os\nos.dup2(3, 1); os.dup2(3, 2)\nprint('[1, \"ok\", true, {}]', flush=True)\ndef f(a, b): print('1234567')",
        "a right answer to another question": FRAME
        + """
def f(a, b):
    for number in range(2, 1000): os.write(3, frame([number, "ok", True, {}]))
    os._exit(0)
""",
        "a judge's verdict instead of a result": FRAME
        + """
def f(a, b):
    for number in (1, 2, 1_000_001, 1_000_002, 1_000_003):
        os.write(3, frame([number, "ok", {"status": "passed"}, {}]))
    return {"status": "passed"}
""",
        "calls of the judge's functions that it did not get": FRAME
        + """
def f(a, b):
    for number in (0, -1, "x", None, [], 10 ** 9): os.write(3, frame(["callback", number, [1]]))
    return 0
""",
        "arguments that it says it changed": FRAME
        + """
def f(a, b):
    for number in (1_000_002, 1_000_003): os.write(3, frame([number, "ok", 5, {"0": ["l", 1], "7": 1, "__class__": 1}]))
    return 0
""",
        "an early syntax error": FRAME
        + "os.write(3, frame(['syntax', {'line': 10 ** 30, 'type': [], 'message': {}}]))\ndef f(a, b): return 0",
        "a broken sandbox, it says": FRAME
        + "os.write(3, frame(['raised', {'type': 'MemoryError', 'message': 1, 'line': -1}]))\ndef f(a, b): return 0",
        "half a message": "import os\nos.write(3, (100).to_bytes(4, 'big') + b'[')\nos._exit(0)",
        "a message that is too deep": "import os\ndef f(a, b):\n    os.write(3, (90_000).to_bytes(4, 'big') + b'[' * 90_000)\n    os._exit(0)",
        "a message as deep as can just be read": FRAME
        + """
def f(a, b):
    for depth in range(900, 1000, 3):
        deep = b"[" * depth + b"]" * depth
        os.write(3, frame(b'[1, "raised", {"type": ' + deep + b', "message": ' + deep + b', "line": 1}, {}]'))
        break
    return 0
""",
        "a value as deep as can just be read": FRAME
        + """
def f(a, b):
    os.write(3, frame(b'[1, "ok", ' + b'["l", ' * 970 + b'1' + b']' * 970 + b', {}]'))
    return 0
""",
        "a message that is no text": "import os\ndef f(a, b):\n    os.write(3, (4).to_bytes(4, 'big') + b'\\xff\\xfe\\x00\\x80')\n    return 0",
        "a message longer than the world": "import os\ndef f(a, b):\n    os.write(3, b'\\xff' * 4)\n    return 0",
        "messages without end": FRAME + "def f(a, b):\n    while True: os.write(3, frame([0]) * 1000)",
        "a fraction that takes for ever to shorten": FRAME
        + """
def f(a, b):
    body = frame([1, "ok", ["y", "fractions", "Fraction", ["i", "0x" + os.urandom(1 << 20).hex()], ["i", "0x" + os.urandom(1 << 20).hex()]], {}])
    while body: body = body[os.write(3, body):]
""",
        "a range that takes for ever to measure": FRAME
        + """
def f(a, b):
    body = frame([1, "ok", ["y", "builtins", "range", 0, ["i", "0x" + os.urandom(2 << 20).hex()], ["i", "0x" + os.urandom(1 << 20).hex()]], {}])
    while body: body = body[os.write(3, body):]
""",
        "a number of millions of digits": FRAME
        + """
def f(a, b):
    body = frame(b'[1, "ok", 1.' + b"3" * (1 << 22) + b', {}]')
    while body: body = body[os.write(3, body):]
""",
        "a decimal of millions of digits": FRAME
        + """
def f(a, b):
    body = frame(b'[1, "ok", ["s", ["y", "decimal", "Decimal", "1.' + b"3" * (1 << 22) + b'e999999999"]], {}]')
    while body: body = body[os.write(3, body):]
""",
        "an answer that grows when it is read": FRAME
        + """
def f(a, b):
    body = frame(b'[1, "ok", ["l"' + b',["l"]' * 1_300_000 + b'], {}]')
    while body: body = body[os.write(3, body):]
""",
        "an array of many dimensions": FRAME
        + """
def f(a, b):
    shape = b'["t",1000000' + b",1" * 63 + b"]"
    body = frame(b'[1,"ok",["N","|i1",' + shape + b',["l"' + b",5" * 1_000_000 + b"]],{}]")
    while body: body = body[os.write(3, body):]
""",
        "a thread that answers in its place": FRAME
        + """
import threading
def shout():
    while True:
        for number in (1, 2, 1_000_001): os.write(3, frame([number, "ok", True, {}]))
threading.Thread(target=shout, daemon=True).start()
def f(a, b):
    import time; time.sleep(0.1)
    return 0
""",
        "a signal handler that answers in its place": FRAME
        + """
import signal
signal.signal(signal.SIGALRM, lambda *a: os.write(3, frame([1, "ok", True, {}])))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
def f(a, b):
    import time; time.sleep(0.1)
    return 0
""",
    },
)

_MALFORMED = [
    '[1,"ok",["N","<i8",["t",2],["l",5]],{}]',
    '[1,"ok",["N","<i8",["t",-1],["l"]],{}]',
    '[1,"ok",["N",["l"],["t"],["l",5]],{}]',
    '[1,"ok",["N","O",["t",1],["l",5]],{}]',
    '[1,"ok",["n","O",5],{}]',
    '[1,"ok",["n",5,5],{}]',
    '[1,"ok",["n","<i8",["l"]],{}]',
    '[1,"ok",["p",0],{}]',
    '[1,"ok",["a",99],{}]',
    '[1,"ok",["a","x"],{}]',
    '[1,"ok",["m","os"],{}]',
    '[1,"ok",["G","True"],{}]',
    '[1,"ok",["k",0],{}]',
    '[1,"ok",["s",["l"]],{}]',
    '[1,"ok",["d",1],{}]',
    '[1,"ok",["x"],{}]',
    '[1,"ok",[[]],{}]',
    '[1,"ok",[{}],{}]',
    '[1,"ok",[],{}]',
    '[1,"ok",{},{}]',
    '[1,"ok",["y","builtins","range","x"],{}]',
    '[1,"ok",["y","builtins","range",1,2,0],{}]',
    '[1,"ok",["y","fractions","Fraction",1,0],{}]',
    '[1,"ok",["y","fractions","Fraction",[],{}],{}]',
    '[1,"ok",["y","decimal","Decimal","x"],{}]',
    '[1,"ok",["y","decimal","Decimal",[]],{}]',
    '[1,"ok",["i",5],{}]',
    '[1,"ok",["i","x"],{}]',
    '[1,"ok",["y","builtins","bytes","x"],{}]',
    '[1,"ok",["y","builtins","complex","x"],{}]',
    '[1,"ok",["T","date",1],{}]',
    '[1,"ok",["T","os"],{}]',
    '[1,"ok",["g","print"],{}]',
    '[1,"ok",["g",[]],{}]',
    '[1,"ok",["g","object"],{}]',
    '[1,"ok",["N","<i8",[],""],{}]',
    '[1,"ok",["N","O",[1],"00"],{}]',
    '[1,"ok",["N","<i8",[9],"00"],{}]',
    '[1,"ok",["N",{},[-1],5],{}]',
    '[1,"ok",1,[]]',
    '[1,"ok"]',
    "[1]",
    "[]",
    "{}",
    "5",
    "null",
    '"x"',
    '["raised"]',
    '["ready","x"]',
    '["syntax"]',
    '["syntax",5]',
    '[true,"ok",1,{}]',
    '[1,"raised",null,{}]',
    '[1,"raised",5,{}]',
    '[1,"raised",[],{}]',
    '[1,"raised",{},{}]',
    '[1,"raised",{"type":5},{}]',
    '[1,"raised",{"type":[[]],"message":{}},{}]',
    '[1,"raised",{"type":"print","line":"x"},{}]',
]

_SAY = """
def f(a, b):
    os.write(3, frame(BODY))
    return 0
"""

FORGERIES |= table(
    "failed error syntax_error memory_limit crashed timeout output_limit",
    {f"the message {body}": FRAME + _SAY.replace("BODY", repr(body.encode())) for body in _MALFORMED},
)
