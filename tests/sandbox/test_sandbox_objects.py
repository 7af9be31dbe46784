"""Objects of the program and of the standard library behave in a test as in plain Python."""

# ruff: noqa: E501  (one test a line)
from __future__ import annotations

import contextlib
import decimal
import io
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from objects_program import PROGRAM

from rayboot.sandbox.verdict import Verdict

RunAsserts = Callable[..., Verdict]

# Python itself also runs each, in one namespace with the program.
RIGHT = r"""
assert Point(1, 2).x == 1
from collections import Counter; assert Counter(gen(2)) == Counter([0, 1])
import logging, threading, xml.etree.ElementTree as ET; a, b, c = library(); assert isinstance(a, logging.Logger) and isinstance(b, threading.Thread) and isinstance(c, ET.Element | str) and not isinstance(a, (ET.Element, int)) and a.name == 'q'
import logging, re, types, unittest\nfrom collections.abc import Callable, Iterable\nclass T(unittest.TestCase):\n    def test_a(self):\n        for kind, value in ((logging.Logger, library()[0]), (types.GeneratorType, gen(2)), (Iterable, gen(2)), (types.FunctionType, same), (Callable, same), (re.Match, match('1')), (enum.Enum, Colour.RED)): self.assertIsInstance(value, kind)\n        self.assertNotIsInstance(gen(2), types.FunctionType)\nunittest.main()
a = looping(); assert a[0] == 1 and a[1]['in'][1]['in'][0] == 1; a[0] = 2; assert same(a)[0] == 2 and a[1]['in'][0] == 2
import json\ntry:\n    json.dumps(Base())\nexcept TypeError:\n    pass\nelse:\n    assert False
def g():\n    x = yield 1\n    yield x * 2\nassert stepped(g()) == (1, 2)
class It:\n    def __iter__(self): return self\n    def __next__(self): return 1\n    def peek(self): return 2\nassert peeked(It()) == (1, 2)
p = same(Point(1, 2)); assert p == Point(1, 2) and p.y == 2 and p._asdict() == {'x': 1, 'y': 2}
assert Point(1, 2)._replace(x=5) == (5, 2)
assert isinstance(same(Point(1, 2)), Point)
assert Place('a').size == 1 and not Place('a').big() and Place('a', 20).big()
assert Place('a') == ('a', 1)
n, s = Place('b', 3); assert (n, s) == ('b', 3)
assert same(Colour.RED) is Colour.RED and Colour.RED.value == 1 and Colour.RED.name == 'RED'
assert Colour(2) == Colour.BLUE and Colour['RED'] is Colour.RED and len(Colour) == 2
assert [c.name for c in Colour] == ['RED', 'BLUE']
assert same(Colour.RED) != Colour.BLUE
assert Level.LOW < Level.HIGH and Level.LOW == 1 and Level.HIGH.name == 'HIGH'
assert {Colour.RED: 1}[same(Colour.RED)] == 1
assert P(1, 2) == P(1, 2) and P(1) != P(2) and P(1).norm() == 1
assert same(P(1, 2)) == P(1, 2)
assert [P(1), P(2)] == [same(P(1)), P(2)] and P(1) in [P(1)]
assert repr(P(1, 2)) == 'P(x=1, y=2, tags=[])'
p = P(1); p.x = 5; assert p == P(5) and p.norm() == 5
p = P(1); p.tags.append(3); assert p.tags == [3] and p == P(1, 0, [3])
from dataclasses import asdict, replace, astuple; assert asdict(P(1)) == {'x': 1, 'y': 0, 'tags': []} and replace(P(1), x=3) == P(3)
assert F(1) < F(2) and sorted([F(2), F(1)]) == [F(1), F(2)] and hash(F(1)) == hash(F(1)) and len({F(1), F(1), F(2)}) == 2
from dataclasses import FrozenInstanceError\ntry:\n    F(1).x = 3\nexcept FrozenInstanceError:\n    pass\nelse:\n    assert False
assert Tree(1, Tree(2), Tree(3)) == Tree(1, Tree(2), Tree(3)) and Tree(1, Tree(2)).left.value == 2
assert V(1) + V(2) == V(3) and (V(1) + V(2)).x == 3
assert V(1, 2) * 3 == V(3, 6) and 3 * V(1, 2) == V(3, 6) and (V(1) + 5).x == 6 and (5 + V(1)).x == 6
assert sum([V(1), V(2)], V(0)) == V(3)
v = V(1); v += V(2); assert v.x == 3
assert -V(1, 2) == V(-1, -2) and abs(V(-3, 4)) == 7
assert V(1) < V(2) and max(V(1), V(5)).x == 5 and sorted([V(2), V(1)])[0].x == 1 and V(1) <= V(1)
assert str(V(1, 2)) == '<1 2>' and repr(V(1, 2)) == 'V(1, 2)' and f'{V(5):03d}' == '005' and f'{V(1)!r}' == 'V(1, 0)'
assert int(V(3)) == 3 and float(V(3)) == 3.0 and [10, 20, 30][V(1)] == 20 and V(3)(4) == 12
assert bool(V(1)) and not V(0)
assert len({V(1), V(1), V(2)}) == 2 and hash(V(1)) == hash(V(1))
v = V(1, 2); assert v.sum == 3; v.sum = 9; assert v.x == 9
assert V.origin().x == 0 and V.name() == 'vector'
V.count = 0; V(1); assert V.count == 1
assert make(1) + make(2) == make(3) and (make(1) + 1).x == 2
assert isinstance(V(1), V) and type(V(1)) is V and type(V(1)).__name__ == 'V' and V(1).__class__.__name__ == 'V' and V.__name__ == 'V'
assert Child().hello() == 'hello child' and isinstance(Child(), Base) and issubclass(Child, Base) and Child.__mro__[1] is Base
assert hasattr(V(1), 'x') and not hasattr(V(1), 'nothing') and getattr(V(1), 'nothing', 5) == 5
assert vars(V(1, 2)) == {'x': 1, 'y': 2} and V(1).__dict__ == {'x': 1, 'y': 0}
v = V(1); v.z = 3; assert v.z == 3; del v.z; assert not hasattr(v, 'z')
import copy; v = V(1); w = copy.copy(v); w.x = 5; assert v.x == 1 and copy.deepcopy(v) == v
r = Row(1, 2, 3, 4); assert r[1:3] == [2, 3] and r[-1] == 4 and len(r) == 4 and 3 in r and 9 not in r
r = Row(1, 2, 3); r[0] = 9; del r[1]; assert list(r) == [9, 3] and list(reversed(r)) == [3, 9]
a, *b = Row(1, 2, 3); assert a == 1 and b == [2, 3]
try:\n    Row(1)[5]\nexcept IndexError:\n    pass\nelse:\n    assert False
s = Stack([1]); s.append(2); assert s == [1, 2] and s.peek() == 2 and isinstance(s, list) and len(s) == 2 and s[0] == 1
s = Stack(); s.push(1).push(2); assert s.peek() == 2 and list(s) == [1, 2]
assert Celsius(25).warm() and Celsius(25) + 1 == 26 and isinstance(Celsius(1), float)
with Ctx() as c:\n    assert c.log == ['in']
c = Ctx()\nwith c:\n    raise ValueError\nassert c.log == ['in', 'ValueError']
c = Ctx()\ntry:\n    with c:\n        raise KeyError\nexcept KeyError:\n    pass\nassert c.log == ['in', 'KeyError']
log = []\nwith managed(log) as m:\n    assert m == 7\nassert log == ['in', 'out']
try:\n    fail(7)\nexcept E as e:\n    assert e.code == 7 and e.args == ('m',) and str(e) == 'm' and e.doubled() == 14
try:\n    fail2(7)\nexcept E as e:\n    assert isinstance(e, E2) and type(e) is E2 and str(e) == 'why'
assert issubclass(E2, E) and issubclass(E, Exception) and E(3).code == 3 and str(E(3)) == 'm'
try:\n    raise E(4)\nexcept E as e:\n    assert e.code == 4
try:\n    chain()\nexcept KeyError as e:\n    assert e.args == ('k',) and isinstance(e.__cause__, ZeroDivisionError)
try:\n    note()\nexcept ValueError as e:\n    assert e.__notes__ == ['n']
try:\n    group()\nexcept* ValueError as e:\n    assert len(e.exceptions) == 1\nexcept* KeyError:\n    pass
import json\ntry:\n    bad_json()\nexcept json.JSONDecodeError as e:\n    assert e.pos == 1
try:\n    os_error()\nexcept FileNotFoundError as e:\n    assert e.errno == 2 and e.filename == '/nothing/there'
try:\n    leave()\nexcept SystemExit as e:\n    assert e.code == 3
import pytest\nwith pytest.raises(E, match='m') as info:\n    fail(3)\nassert info.value.code == 3
import math; assert same([math.nan]) == [math.nan] and nan()['a'] != nan()['a']
import pytest\nassert same(0.1 + 0.2) == pytest.approx(0.3)
g = gen(3); assert next(g) == 0 and list(g) == [1, 2] and next(g, 'no') == 'no'
g = gen(1); next(g)\ntry:\n    next(g)\nexcept StopIteration:\n    pass\nelse:\n    assert False
g = echo(); assert next(g) == 'first' and g.send(4) == 8\ntry:\n    g.send(None)\nexcept StopIteration as e:\n    assert e.value == 'end'
g = gen(3); next(g); g.close(); assert list(g) == []
import types; assert isinstance(gen(1), types.GeneratorType)
from collections.abc import Iterator, Callable; assert isinstance(gen(1), Iterator) and isinstance(V(1), Callable) and not isinstance(Base(), Callable)
import inspect; assert inspect.isgeneratorfunction(gen) and inspect.iscoroutinefunction(add) and not inspect.iscoroutinefunction(gen) and str(inspect.signature(doc)) == '(a, b=2)'
assert doc.__doc__ == 'Doc of doc.' and doc.__name__ == 'doc' and callable(doc) and not callable(Base())
import inspect; assert 'return a' in inspect.getsource(doc)
import asyncio; assert asyncio.run(add(1, 2)) == 3
import asyncio\nasync def main():\n    assert await add(1, 2) == 3\n    assert await asyncio.gather(add(1, 1), add(2, 2)) == [2, 4]\n    assert [i async for i in ticks(3)] == [0, 1, 2]\n    async with Gate() as g:\n        assert g == 5\nasyncio.run(main())
import asyncio; assert asyncio.run(all_of(add(1, 1), add(2, 2))) == [2, 4]
import asyncio\ntry:\n    asyncio.run(breaks())\nexcept E as e:\n    assert e.code == 9
import asyncio\nasync def main(): await asyncio.gather(say('a'), say('b'))\nasyncio.run(main()); assert spoken == ['a', 'b', 'a', 'b']
import asyncio\nasync def main(): await asyncio.wait_for(forever(), 0.01)\ntry:\n    asyncio.run(main())\nexcept asyncio.TimeoutError:\n    pass\nelse:\n    assert False
import asyncio\nasync def main():\n    await begin(); await asyncio.sleep(0.01); return list(spoken)\nassert asyncio.run(main()) == ['later', 'later']
import asyncio\nasync def main():\n    task = asyncio.create_task(forever()); await asyncio.sleep(0); task.cancel()\n    try:\n        await task\n    except asyncio.CancelledError:\n        return 'cancelled'\nassert asyncio.run(main()) == 'cancelled'
coroutine = add(1, 2); coroutine.send(None); coroutine.close()
assert fib(30) == 832040 and fib.cache_info().hits > 0; fib.cache_clear(); assert fib.cache_info().currsize == 0
inc = counter(); assert inc() == 1 and inc() == 2
assert adder(3)(4) == 7 and partial(5) == 32 and partial.args == (2,)
tally(3); assert total == 3 and calls == [3]; tally(4); assert total == 7 and calls == [3, 4]
tally(1); calls.clear(); tally(2); assert calls == [2]
x = shared(); tally(5); assert x[-1] == 5 and shared() is shared()
from contextlib import redirect_stdout; import io\nwith redirect_stdout(io.StringIO()) as out:\n    hello('you')\nassert out.getvalue() == 'hello you' + chr(10)
from contextlib import redirect_stderr; import io\nwith redirect_stderr(io.StringIO()) as out:\n    complain()\nassert out.getvalue() == 'no' + chr(10)
import os, sys; sys.argv = ['p', 'x']; os.environ['TOLD'] = 'y'; assert told() == (['x'], 'y'); del os.environ['TOLD']; assert told() == (['x'], None)
import os, sys; from unittest.mock import patch\nwith patch.dict(os.environ, {'TOLD': 'y'}), patch.object(sys, 'argv', ['p', 'x']):\n    assert told() == (['x'], 'y')\nassert told()[1] is None
import os\nfrom unittest.mock import patch\nwith patch.object(os, 'environ', {'TOLD': 'y'}):\n    assert told()[1] == 'y'
import io, sys\nold, sys.stdout = sys.stdout, io.StringIO()\nhello('a'); got = sys.stdout.getvalue(); sys.stdout = old\nassert got == 'hello a' + chr(10)
from unittest.mock import patch\nwith patch('builtins.input', return_value='4'):\n    assert ask() == 5
from unittest.mock import patch\nwith patch('builtins.input', side_effect=['1', '2']) as m:\n    assert ask() == 2 and ask() == 3\nassert m.call_count == 2
from unittest.mock import patch\nwith patch('builtins.print') as m:\n    hello('x')\nm.assert_called_with('hello', 'x')
import io, sys\nold, sys.stdin = sys.stdin, io.StringIO('1' + chr(10) + '2')\nassert ask() == 2 and ask() == 3\nsys.stdin = old
import random; random.seed(5); a = draw(); random.seed(5); assert draw() == a; random.seed(5); assert random.randint(1, 1000) == a
import sys; sys.setrecursionlimit(5000); assert deep(3000) == 3000
from datetime import datetime, date, time; assert year(datetime(2020, 1, 2)) == 2020 and year(date(1999, 1, 1)) == 1999
import datetime as d; assert when() == d.datetime(2020, 1, 2, 3, 4, tzinfo=d.timezone.utc) and when().hour == 3 and when().isoformat() == '2020-01-02T03:04:00+00:00'
from datetime import time; assert same(time(1, 2)) == time(1, 2) and same(time(1, 2)).minute == 2
from collections import deque; d = deque([1, 2, 3], maxlen=3); assert turned(d) == deque([3, 1, 2]) and d == deque([3, 1, 2]) and d.maxlen == 3
from collections import deque; d = deque([1, 2]); drop(d); assert d == deque([2]) and d.popleft() == 2
assert table()['missing'] == [] and table() == {'a': [1]} and dict(table()) == {'a': [1]}
assert counted('aab')['z'] == 0 and counted('aab').most_common(1) == [('a', 2)] and counted('ab') == Counter('ba')
from collections import Counter; assert same(Counter(a=0)) == Counter() and counted('a') + counted('a') == Counter(a=2)
assert list(ordered()) == ['b', 'a'] and ordered() == {'a': 2, 'b': 1}; o = ordered(); o.move_to_end('b'); assert list(o) == ['a', 'b']
assert list(keys()) == ['b', 'a'] and keys() == {'a', 'b'} and keys() | {'c'} == {'a', 'b', 'c'}
assert kind(1) is int and kind('') == str and kind(Counter()) is Counter and kind(V(1)) is V
from pathlib import Path; assert path() == Path('a/b.txt') and path().suffix == '.txt' and path().name == 'b.txt'
from array import array; assert numbers() == array('i', [1, 2]) and numbers()[0] == 1
import uuid; u = uuid.UUID(int=5); assert same(u) == u
assert same(memoryview(b'ab')) == b'ab' and same(bytearray(b'a')) == bytearray(b'a') and same(3j) == 3j and same(frozenset([1])) == frozenset([1])
import types; assert same(types.SimpleNamespace(a=1)).a == 1
m = match('12a'); assert m.group(1) == '12' and m['n'] == '12' and m.groups() == ('12',) and m.span() == (0, 2) and match('a') is None
assert spread(i * i for i in range(3)) == [0, 1, 4] and spread(map(str, [1])) == ['1'] and spread(iter([1])) == [1] and spread(zip([1], [2])) == [(1, 2)]
import operator; assert apply(operator.add, 1, 2) == 3 and apply(lambda a, b=1: a + b, 1, b=5) == 6 and apply(max, [1, 2]) == 2
def g(a: int, b='x', *c, d: str = 'y', **e) -> bool:\n    'Doc.'\n    return a\nassert head(g) == (('a', 'b'), {'a': int, 'd': str, 'return': bool}, 'Doc.', ('x',), "(a: int, b='x', *c, d: str = 'y', **e) -> bool", 1)
import functools; assert apply(functools.partial(pow, 2), 3) == 8
assert [v.x for v in by([V(2), V(1)], key=lambda v: v.x)] == [1, 2] and by(['bb', 'a'], len) == ['a', 'bb']
def boom(): raise ValueError('mine')\nassert catch(boom) == 'mine'
class Own(Exception): pass\ndef boom(): raise Own('x')\nassert catch(boom) == 'Own'
class Own(Exception): pass\ndef boom(): raise Own('x')\ntry:\n    apply(boom)\nexcept Own as e:\n    assert str(e) == 'x'
assert Slots(1) == Slots(1) and Slots(1).a == 1
assert run_in_threads(lambda x: x * x, list(range(20))) == [x * x for x in range(20)]
import time\ndone = []\nlater(lambda: done.append(1)); time.sleep(0.3); assert done == [1]
import threading\nout = []\nts = [threading.Thread(target=lambda i=i: out.append(same(i))) for i in range(4)]\nfor t in ts: t.start()\nfor t in ts: t.join()\nassert sorted(out) == [0, 1, 2, 3]
class T:\n    def test_a(self): assert same(1) == 1\nT().test_a()
import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(same(1), 1)\n        with self.assertRaises(E) as c:\n            fail(3)\n        self.assertEqual(c.exception.code, 3)\n        self.assertIsInstance(V(1), V)\n        self.assertEqual(P(1), P(1))\n        self.assertCountEqual(gen(2), [1, 0])\n        with self.assertRaisesRegex(E, 'm'):\n            fail(1)\n        self.assertAlmostEqual(same(0.1 + 0.2), 0.3)\nunittest.main()
import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(same(1), 1)\nif __name__ == '__main__':\n    unittest.main()
import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(same(1), 1)\nunittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))
match same(Point(1, 2)):\n    case (1, y):\n        assert y == 2
assert all(isinstance(n, int) for n in gen(3)) and sum(gen(4)) == 6 and max(gen(4)) == 3 and sorted(gen(3), reverse=True) == [2, 1, 0] and list(zip(gen(2), 'ab')) == [(0, 'a'), (1, 'b')]
assert ','.join(map(str, gen(3))) == '0,1,2' and dict(enumerate(gen(2))) == {0: 0, 1: 1} and set(gen(2)) == {0, 1} and tuple(gen(1)) == (0,)
assert Bits.R in Bits.R | Bits.W and Bits.W not in Bits.R and Bits.R | Bits.W == 3
assert 'A' in Lower(a=1) and 'b' not in Lower(a=1) and Lower(a=1) == {'a': 1}
c = Counted(1); assert c == Counted(1) and c != Counted(2) and Counted.made == 3
assert same(ChainMap({'a': 1}, {'b': 2})) == {'a': 1, 'b': 2} and same(collections.UserList([1])) == [1]
import __main__; from __main__ import same as again; assert __main__.same(1) == again(1) and not hasattr(__main__, 'nothing')
from pytest import approx; assert same(0.1 + 0.2) == approx(0.3)
assert Perm.R | Perm.W == Perm.W | Perm.R and Perm.R in (Perm.R | Perm.W)
l = Linked(1, 2); assert list(l) == [2, 1] and l == Linked(1, 2) and l != Linked(2, 1) and l.head.next.prev is l.head
assert Matrix([[1, 2], [3, 4]]) @ Matrix([[1, 0], [0, 1]]) == Matrix([[1, 2], [3, 4]]) and Matrix([[5]])[0, 0] == 5
assert memo() == 1 and memo() == 2 and memo.calls == 2
@counting\ndef h(x): return x\nassert h(1) == 2 and h.__name__ == 'h'
config['debug'] = True; assert debug() is True
n = Node(1); assert n in [n] and {n: 1}[n] == 1 and n != Node(1) and len({Node(1), Node(1)}) == 2
from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as pool:\n    assert list(pool.map(same, range(8))) == list(range(8))
def refuse(x): raise AssertionError\ndef never(x): assert False\neach(refuse, 1); each(never, 1); assert same(1) == 1
def check(x): assert x == 5\neach(check, 5)\ntry:\n    passed_on(check, 6)\nexcept E as e:\n    assert e.code == 1
with Quiet() as q:\n    q.bad()\nwith Quiet() as q:\n    assert q is not None; x = same(2)\n    raise KeyError\nassert x == 2
node = Tree(1); node.left = Tree(2); assert node.left.value == 2 and node.right is None and node.left is node.left
"""

WRONG = r"""
assert P(1) == P(2)
assert P(1) != P(1)
assert V(1) + V(1) == V(3)
assert same(Point(1, 2)) == Point(2, 1)
assert ordered() == OrderedDict(a=2, b=1)
assert type(counted('a')) == dict
assert type(same(Point(1, 2))) is tuple
assert deque([1]) == same([1])
assert counted('aab')['a'] == 3
with Ctx() as c:\n    assert c.log == ['out']
with Ctx():\n    raise KeyError
g = gen(2); assert list(g) == [0, 1, 2]
try:\n    fail(7)\nexcept E as e:\n    assert e.code == 8
import asyncio; assert asyncio.run(add(1, 2)) == 4
tally(3); assert total == 4
from unittest.mock import patch\nwith patch('builtins.input', return_value='4'):\n    assert ask() == 4
assert Colour.RED == 1
a = nan(); b = nan(); assert a == b
assert Colour.RED == Colour.BLUE
import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(same(1), 2)\nunittest.main()
import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(same(1), 2)
import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(same(1), 2)\nunittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))
import pytest\nwith pytest.raises(E):\n    same(1)
import pytest\nwith pytest.raises(KeyError):\n    fail(1)
"""

SWALLOWED = r"""
def check(x): assert x == 5\neach(check, 6)
import unittest\nclass T(unittest.TestCase):\n    def test_a(self): each(lambda x: self.assertEqual(x, 5), 6)
with Quiet() as q:\n    assert q.read() < 5
with Quiet() as q:\n    assert q.bad() == 'abc'
with Quiet() as q:\n    x = q.bad()\n    assert x == 'abc'
"""


LIMITS = r"""
class Own:\n    v = 1\nassert same(Own()).v == 1
class Own(Base): pass\nassert Own().hello() == 'hello base'
import pickle; assert pickle.loads(pickle.dumps(V(1))) == V(1)
import io; assert same(io.StringIO('a')).read() == 'a'
from unittest.mock import Mock; assert apply(Mock(return_value=5)) == 5
from unittest.mock import patch\nwith patch('random.randint', return_value=3):\n    assert draw() == 3
assert globals()['same'](1) == 1
import os; home(); assert os.getcwd() == '/'
import decimal; precise(); assert decimal.getcontext().prec == 5
class Own: pass\nassert not isinstance(V(1), Own)
match V(1):\n    case V(): pass\n    case _: assert False
assert Celsius(1) == 1 and V(1) == V(1) and Folded('A') == Folded('a')
"""


def each(table: str) -> list[str]:
    return [line.replace("\\n", "\n") for line in table.strip().splitlines()]


def plainly(test: str) -> bool:
    """Return whether Python itself passes the test."""
    module = ModuleType("__main__")
    limit, main, argv = sys.getrecursionlimit(), sys.modules["__main__"], sys.argv
    sys.modules["__main__"] = module
    try:
        streams = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with streams[0], streams[1], contextlib.chdir("."), decimal.localcontext():
            exec(compile(PROGRAM + "\n" + test, "<test>", "exec", dont_inherit=True), module.__dict__)
    except SystemExit as exit:
        return not exit.code
    except BaseException:  # pytest's own failures do not derive from Exception
        return False
    finally:
        sys.setrecursionlimit(limit)
        sys.modules["__main__"], sys.argv = main, argv
    return True


@pytest.mark.parametrize("test", each(RIGHT))
def test_what_is_right_in_plain_python_passes(check: RunAsserts, test: str) -> None:
    verdict = check(PROGRAM, test)
    assert verdict.passed, verdict


@pytest.mark.parametrize("test", each(WRONG))
def test_what_is_wrong_does_not_pass(check: RunAsserts, test: str) -> None:
    assert not check(PROGRAM, test).passed


@pytest.mark.parametrize(
    "test",
    [
        "assert '-'.join(f(1)) == 'a-b'",
        "for x in f(1): assert '%d' % x == '1'",
        "for x in f(1): assert x in 'abc'",
        "import re; assert re.match('a', f(1)[0])",
        "from decimal import Decimal; assert Decimal(f(1)[0]) == 1",
    ],
)
def test_an_object_where_data_is_due_is_the_program_s_error(check: RunAsserts, test: str) -> None:
    verdict = check("class Y: pass\ndef f(x): return [Y()]", test)
    assert (verdict.status, verdict.error_type) == ("error", "TypeError"), verdict
    assert "Y" in verdict.message


@pytest.mark.parametrize("test", each(SWALLOWED))
def test_a_program_cannot_take_a_failure_of_the_test_back(check: RunAsserts, test: str) -> None:
    assert check(PROGRAM, test).status in ("failed", "error")


@pytest.mark.parametrize("test", each(LIMITS))
def test_what_cannot_be_kept_to_names_the_limit(check: RunAsserts, test: str) -> None:
    verdict = check(PROGRAM, test)
    assert verdict.status == "sandbox_error", verdict
    assert "limit" in verdict.message


def test_the_tables_are_right() -> None:
    for table, expected in ((RIGHT, True), (WRONG, False), (LIMITS, True)):
        not_as_said = [test for test in each(table) if plainly(test) is not expected]
        assert all(any(word in test for word in NEEDS_THE_SANDBOX) for test in not_as_said), not_as_said


NEEDS_THE_SANDBOX = ("getsource", "TestCase", "pytest")
"""Python itself finds no source of what `exec` runs, calls no test, and may have no pytest."""
