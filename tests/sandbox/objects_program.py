"""A program with an object of every kind, for the tests of how objects behave in a test."""

from __future__ import annotations

PROGRAM = """
import asyncio, collections, contextlib, copy, dataclasses, datetime, enum, functools, json, pathlib, random, uuid
from array import array
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from typing import ClassVar, NamedTuple

Point = namedtuple('Point', 'x y')
class Place(NamedTuple):
    name: str
    size: int = 1
    def big(self): return self.size > 10
class Colour(enum.Enum):
    RED = 1
    BLUE = 2
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2
@dataclass
class P:
    x: int
    y: int = 0
    tags: list = field(default_factory=list)
    def norm(self): return abs(self.x) + abs(self.y)
@dataclass(frozen=True, order=True)
class F:
    x: int
@dataclass
class Tree:
    value: int
    left: 'Tree' = None
    right: 'Tree' = None
class V:
    count = 0
    def __init__(self, x, y=0): self.x, self.y = x, y; V.count += 1
    def __add__(self, o): return V(self.x + o.x, self.y + o.y) if isinstance(o, V) else V(self.x + o, self.y)
    __radd__ = __add__
    def __mul__(self, k): return V(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __iadd__(self, o): self.x += o.x; return self
    def __neg__(self): return V(-self.x, -self.y)
    def __abs__(self): return abs(self.x) + abs(self.y)
    def __eq__(self, o): return isinstance(o, V) and (self.x, self.y) == (o.x, o.y)
    def __lt__(self, o): return self.x < o.x
    def __le__(self, o): return self.x <= o.x
    def __hash__(self): return hash((self.x, self.y))
    def __repr__(self): return f'V({self.x}, {self.y})'
    def __str__(self): return f'<{self.x} {self.y}>'
    def __bool__(self): return self.x != 0
    def __format__(self, spec): return f'{self.x:{spec}}'
    def __int__(self): return self.x
    def __float__(self): return float(self.x)
    def __index__(self): return self.x
    def __call__(self, k): return self.x * k
    @property
    def sum(self): return self.x + self.y
    @sum.setter
    def sum(self, value): self.x, self.y = value, 0
    @classmethod
    def origin(cls): return cls(0)
    @staticmethod
    def name(): return 'vector'
class Base:
    kind = 'base'
    def hello(self): return 'hello ' + self.kind
class Child(Base):
    kind = 'child'
class Row:
    def __init__(self, *items): self.items = list(items)
    def __getitem__(self, i): return self.items[i]
    def __setitem__(self, i, v): self.items[i] = v
    def __delitem__(self, i): del self.items[i]
    def __len__(self): return len(self.items)
    def __contains__(self, v): return v in self.items
    def __iter__(self): return iter(self.items)
    def __reversed__(self): return reversed(self.items)
class Stack(list):
    def peek(self): return self[-1]
    def push(self, x): self.append(x); return self
class Celsius(float):
    def warm(self): return self > 20
class Ctx:
    def __init__(self): self.log = []
    def __enter__(self): self.log.append('in'); return self
    def __exit__(self, kind, error, trace): self.log.append(kind and kind.__name__); return kind is ValueError
class Gate:
    async def __aenter__(self): return 5
    async def __aexit__(self, *a): return False
class E(Exception):
    def __init__(self, code, why='m'): super().__init__(why); self.code = code
    def doubled(self): return 2 * self.code
class E2(E): pass
class Folded:
    def __init__(self, text): self.text = text
    def __eq__(self, o): return self.text.lower() == o.text.lower()
class Slots:
    __slots__ = ('a',)
    def __init__(self, a): self.a = a
    def __eq__(self, o): return self.a == o.a
class Perm(enum.Flag):
    R = 1
    W = 2
class Bits(enum.IntFlag):
    R = 1
    W = 2
class Lower(dict):
    def __contains__(self, key): return super().__contains__(key.lower())
@dataclass
class Counted:
    x: int
    made: ClassVar[int] = 0
    def __post_init__(self): Counted.made += 1
class Node:
    def __init__(self, v): self.v, self.next, self.prev = v, None, None
class Linked:
    def __init__(self, *vs):
        self.head = None
        for v in vs: self.add(v)
    def add(self, v):
        node = Node(v); node.next = self.head
        if self.head: self.head.prev = node
        self.head = node
    def __iter__(self):
        node = self.head
        while node: yield node.v; node = node.next
    def __eq__(self, o): return list(self) == list(o)
class Matrix:
    def __init__(self, rows): self.rows = rows
    def __matmul__(self, o): return Matrix([[sum(map(int.__mul__, r, c)) for c in zip(*o.rows)] for r in self.rows])
    def __eq__(self, o): return self.rows == o.rows
    def __getitem__(self, ij): return self.rows[ij[0]][ij[1]]
def memo():
    memo.calls = getattr(memo, 'calls', 0) + 1
    return memo.calls
def counting(f):
    @functools.wraps(f)
    def wrapper(*a): return f(*a) + 1
    return wrapper
config = {'debug': False}
def debug(): return config['debug']
def same(x): return x
def nan(): return {'a': float('nan')}
def library():
    import logging, threading, xml.etree.ElementTree
    return [logging.getLogger('q'), threading.Thread(), xml.etree.ElementTree.fromstring('<a/>')]
def stepped(it):
    first = next(it); second = it.send(first); it.close(); return first, second
def peeked(it): return next(it), it.peek()
def looping(): a = [1]; a.append({'in': a}); return a
def fail(code): raise E(code)
def fail2(code): raise E2(code, 'why')
def chain():
    try: return 1 / 0
    except ZeroDivisionError as e: raise KeyError('k') from e
def note():
    e = ValueError('v'); e.add_note('n'); raise e
def group(): raise ExceptionGroup('all', [ValueError('a'), KeyError('b')])
def bad_json(): return json.loads('{')
def os_error(): return open('/nothing/there')
def leave(): raise SystemExit(3)
def gen(n):
    for i in range(n): yield i
def echo():
    got = yield 'first'
    while got is not None: got = yield got * 2
    return 'end'
async def add(a, b): await asyncio.sleep(0); return a + b
async def ticks(n):
    for i in range(n): yield i
async def all_of(*cs): return await asyncio.gather(*cs)
spoken = []
async def say(word):
    for _ in range(2): spoken.append(word); await asyncio.sleep(0)
async def forever(): await asyncio.sleep(3600)
async def begin(): asyncio.get_running_loop().create_task(say('later'))
async def breaks(): raise E(9)
@functools.lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
@contextlib.contextmanager
def managed(log):
    log.append('in'); yield 7; log.append('out')
def counter():
    n = 0
    def inc():
        nonlocal n; n += 1; return n
    return inc
def adder(n): return lambda x: x + n
partial = functools.partial(pow, 2)
calls = []
total = 0
def tally(x):
    global total; total += x; calls.append(x)
def hello(name): print('hello', name)
def complain(): import sys; print('no', file=sys.stderr)
def told(): import os, sys; return sys.argv[1:], os.environ.get('TOLD')
def home(): import os; os.chdir('/')
def precise(): import decimal; decimal.getcontext().prec = 5
def ask(): return int(input('? ')) + 1
def draw(): return random.randint(1, 1000)
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
def each(cb, *xs):
    for x in xs:
        with contextlib.suppress(BaseException): cb(x)
def passed_on(cb, x):
    try: cb(x)
    except AssertionError as e: raise E(1) from e
class Quiet:
    def __enter__(self): return self
    def __exit__(self, *a): return True
    def read(self): return Node(1)
    def bad(self): raise ValueError
def year(d): return d.year
def turned(d): d.rotate(1); return d
def drop(d): d.popleft()
def table(): return defaultdict(list, {'a': [1]})
def counted(s): return Counter(s)
def ordered(): return OrderedDict(b=1, a=2)
def spread(it): return list(it)
def apply(f, *a, **k): return f(*a, **k)
def by(items, key): return sorted(items, key=key)
def when(): return datetime.datetime(2020, 1, 2, 3, 4, tzinfo=timezone.utc)
def keys(): return {'b': 1, 'a': 2}.keys()
def kind(x): return type(x)
def path(): return pathlib.Path('a') / 'b.txt'
def numbers(): return array('i', [1, 2])
def match(s):
    import re
    return re.match(r'(?P<n>\\d+)', s)
def make(x): return V(x)
def shared(): return calls
def catch(f):
    try: f()
    except ValueError as e: return str(e)
    except Exception as e: return type(e).__name__
def run_in_threads(f, xs):
    import threading
    out = [None] * len(xs)
    def work(i, x): out[i] = f(x)
    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(xs)]
    for t in threads: t.start()
    for t in threads: t.join()
    return out
def later(f):
    import threading
    threading.Timer(0.01, f).start()
def head(f):
    import inspect
    names = f.__code__.co_varnames[:f.__code__.co_argcount]
    return names, f.__annotations__, f.__doc__, f.__defaults__, str(inspect.signature(f)), f(1)
def doc(a, b=2):
    'Doc of doc.'
    return a
"""
