"""JavaScript programs under MBXP's test files, and by standard input."""

# ruff: noqa: E501

from __future__ import annotations

import shutil

import pytest

from rayboot.problems import ScriptTest, StdioTest
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")

TEST = """
const _ = require("lodash")
function compare(object1, object2){
    return _.isEqual(object1, object2)
}
var arg00 = [3, 1, 2];
var x0 = sorted(arg00);
var v0 = [1, 2, 3];
if(!compare(x0, v0)){
    throw 'Error at 1th assert statement. Value = ' + JSON.stringify(x)
}
"""


def verdict(
    sandbox: Sandbox, program: str, test: str = TEST, entry_point: str = "sorted", seconds: float = 20
) -> Verdict:
    limits = Limits(timeout=seconds)
    return sandbox.run(program, [ScriptTest(code=test)], "", limits, entry_point, "javascript")


@pytest.mark.parametrize(
    "program",
    [
        "function sorted(x) { return x.sort() }",
        "const sorted = (x) => [...x].sort()",
        "function sorted(x) { console.log(x); return _.sortBy(x) }",
        "const { sortBy } = require('lodash'); function sorted(x) { return sortBy(x) }",
    ],
)
def test_a_right_program_passes(sandbox: Sandbox, program: str) -> None:
    assert verdict(sandbox, program).passed


def test_a_wrong_answer_is_told_with_its_call(sandbox: Sandbox) -> None:
    told = verdict(sandbox, "function sorted(x) { return x.reverse() }")
    assert (told.status, told.failing_test) == ("failed", 0)
    assert (told.call, told.got, told.expected) == ("sorted([ 3, 1, 2 ])", "[ 2, 1, 3 ]", "[ 1, 2, 3 ]")


@pytest.mark.parametrize(
    ("program", "status", "error_type", "line"),
    [
        ("function sorted(x) {\n  return nope\n}", "error", "ReferenceError", 2),
        ("\nthrow new TypeError('at once')", "error", "TypeError", 2),
        ("function sorted(x) {\n  return [", "syntax_error", "SyntaxError", None),
        ("function sorted(x) { for (;;); }", "timeout", "", None),
        (
            "function sorted(x) { const a = []; for (;;) a.push(Array(1e5).fill(0.5)) }",
            "memory_limit",
            "MemoryError",
            None,
        ),
        ("function sorted(x) { return sorted(x) }", "error", "RangeError", 1),
        ("let sorted;", "error", "TypeError", None),
    ],
)
def test_what_goes_wrong_is_named(
    sandbox: Sandbox, program: str, status: str, error_type: str, line: int | None
) -> None:
    told = verdict(sandbox, program, seconds=2 if status == "timeout" else 20)
    assert (told.status, told.error_type) == (status, error_type)
    assert line is None or told.line == line


@pytest.mark.parametrize(
    "program",
    [
        "process.exit(0)",
        "function sorted() { process.exit(0) }",
        "function sorted() { process.kill(process.pid, 'SIGTERM') }",
        "require('lodash').isEqual = () => true; function sorted() { return 1 }",
        'JSON.stringify = () => \'[1,"ok",["l",1,2,3],[]]\'; function sorted() { return 1 }',
        "function sorted() { return { toJSON: () => ['l', 1, 2, 3] } }",
        "function sorted() { return { valueOf: () => [1, 2, 3], toString: () => '1,2,3' } }",
        "Array.prototype.equals = Object.is = () => true; function sorted() { return [3] }",
        "function sorted() { require('fs').writeSync(3, '\\0\\0\\0\\x14[1,\"ok\",[\"l\",1],[]]'); return 1 }",
        "function sorted() { require('fs').closeSync(3); return 1 }",
        "globalThis.compare = () => true; function sorted() { return 1 }",
    ],
)
def test_a_program_cannot_make_itself_right(sandbox: Sandbox, program: str) -> None:
    assert not verdict(sandbox, program).passed
    assert verdict(sandbox, "function sorted(x) { return x.sort() }").passed


# Programs that return [3, 1, 2] reversed or nothing at all, and try to pass the test of `sorted`.
HOSTILE = {
    "a planted lodash": "for (const d of ['.', '..', '../..']) try { require('fs').mkdirSync(d + '/node_modules/lodash', "
    "{ recursive: true }); require('fs').writeFileSync(d + '/node_modules/lodash/index.js', "
    "'exports.isEqual = () => true') } catch {}",
    "a planted judge": "const fs = require('fs'); for (const d of ['.', '..']) for (const n of fs.readdirSync(d)) "
    "try { fs.writeFileSync(d + '/' + n, 'exports.isEqual = () => true') } catch {}",
    "polluted prototypes": "Object.prototype.toJSON = Array.prototype.toJSON = () => ['l', 1, 2, 3]; "
    "Object.prototype.isEqual = () => true; Array.prototype.map = function () { return this }",
    "a proxy that has everything": "function sorted(x) { return new Proxy([], { get: () => () => true, has: () => true }) }",
    "a thenable": "function sorted(x) { return { then: (f) => f([1, 2, 3]) } }",
    "a getter that changes": "let n = 0; function sorted(x) { return { get 0() { return n++ }, get length() { return 3 } } }",
    "an object that is any primitive": "function sorted(x) { return { [Symbol.toPrimitive]: () => '1,2,3', valueOf: () => 1 } }",
    "methods that say yes": "function sorted(x) { return { every: () => true, equals: () => true, length: 3 } }",
    "answers before the questions": "for (let n = 1; n < 9; n++) { const b = Buffer.from(JSON.stringify([n, 'ok', ['x', 'Array', ''], []])); "
    "const h = Buffer.alloc(4); h.writeUInt32BE(b.length); require('fs').writeSync(3, Buffer.concat([h, b])) }",
    "a callback to nothing": "const b = Buffer.from(JSON.stringify([1, 'callback', 'constructor', ['l']])); "
    "const h = Buffer.alloc(4); h.writeUInt32BE(b.length); require('fs').writeSync(3, Buffer.concat([h, b]))",
    "a child that answers": "require('child_process').spawn('/bin/sh', ['-c', 'echo x >&3'], { stdio: [0, 1, 2, 3] })",
    "a worker thread": "new (require('worker_threads').Worker)('require(\"fs\").closeSync(3)', { eval: true })",
    "looking for the test": "function sorted(x) { const fs = require('fs'); for (const p of ['/proc/self/environ', '../judge.js', "
    "'/proc/1/mem', '/proc/self/maps']) try { fs.readFileSync(p) } catch {} return [] }",
    "exit in a promise": "Promise.resolve().then(() => process.exit(0)); function sorted() { return 1 }",
    "patched builtins": "JSON.parse = () => [1, 'call', 'sorted', []]; Promise.prototype.then = () => 1; "
    "Function.prototype.call = () => true",
    "an async function": "async function sorted(x) { return [1, 2, 3] }",
    "a generator": "function* sorted(x) { yield 1 }",
    "a class": "class sorted { constructor() { return [1, 2, 3] } }",
    "a replaced function of Node's": "process.reallyExit = process.exit = () => {}; process.exitCode = 0; throw 1",
}


@pytest.mark.parametrize("program", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_program_passes_at_no_tier_and_is_of_no_use_to_the_next(
    each_tier: Sandbox, program: str
) -> None:
    idle = "" if "sorted" in program else "; function sorted(x) { return x.reverse() }"
    told = verdict(each_tier, program + idle)
    assert told.status not in ("passed", "sandbox_error"), told
    assert not verdict(each_tier, "function sorted(x) { return x.reverse() }").passed
    assert verdict(each_tier, "function sorted(x) { return x.sort() }").passed


ASSERT = "const assert = require('assert');"
FAILING = {
    "a rejected promise": "(async () => { if (await f(1) !== 2) throw new Error('wrong') })()",
    "a promise that is not waited for": "Promise.resolve(f(1)).then((x) => { if (x !== 2) throw new Error('wrong') })",
    "await": "if (await f(1) !== 2) throw new Error('wrong')",
    "a microtask": "queueMicrotask(() => { if (f(1) !== 2) throw 'wrong' })",
    "a timer": "setTimeout(() => { if (f(1) !== 2) throw 'wrong' }, 10)",
    "the exit status": "if (f(1) !== 2) process.exitCode = 1",
    "exit": "if (f(1) !== 2) process.exit(3)",
    "an exit handler": "process.on('exit', () => { if (f(1) !== 2) process.exitCode = 1 })",
    "an exception in an exit handler": "process.on('exit', () => { if (f(1) !== 2) throw 'wrong' })",
    "node:test": f"{ASSERT} require('node:test')('it', () => {{ assert.strictEqual(f(1), 2) }})",
    "describe and it": f"{ASSERT} const t = require('node:test'); t.describe('f', () => "
    "{ t.it('is', async () => { assert.strictEqual(f(1), 2) }) })",
    "console.assert": "console.assert(f(1) === 2, 'wrong')",
    "a guard for the main module": "if (require.main === module) { if (f(1) !== 2) throw 'wrong' }",
}


@pytest.mark.parametrize("test", FAILING.values(), ids=FAILING)
def test_the_exit_status_of_all_of_a_test_file_decides(sandbox: Sandbox, test: str) -> None:
    told = verdict(sandbox, "function f(x) { return x }", test, "f")
    assert (told.status, told.call) == ("failed", "f(1)")
    assert verdict(sandbox, "function f(x) { return x + 1 }", test, "f").passed


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("function test() { if (f(1) !== 2) throw 'wrong' }", "no call of it reached the program"),
        ("describe('f', () => {})", "it uses describe, which neither it nor the program defines"),
        ("import assert from 'assert'; assert(f(1))", "it is not JavaScript"),
        ("throw new Error('early'); f(1)", "it failed before it called the program: Error: early"),
        ("require('jest'); f(1)", "Cannot find module"),
    ],
)
def test_a_test_that_decides_nothing_is_said_to_do_so(sandbox: Sandbox, test: str, reason: str) -> None:
    told = verdict(sandbox, "function f(x) { return x }", test, "f")
    assert told.status == "sandbox_error"
    assert reason in told.message


@pytest.mark.parametrize(
    "test",
    [
        "Array.prototype.at = () => 1; Object.prototype.x = 1; String = Map = null; globalThis.f = f; f()",
        "require('lodash').isEqual = () => true; JSON.stringify = () => 'x'; globalThis.compare = () => true; f()",
        "require('assert').strictEqual = () => true; process.exitCode = 0; console.log = () => { throw 1 }; f()",
        "setInterval(() => { throw 1 }, 5); f(); process.exit(0)",
        "process.on('exit', () => process.exit(0)); process.chdir('/'); delete globalThis.setTimeout; f()",
    ],
)
def test_what_a_test_file_changes_ends_with_it(sandbox: Sandbox, test: str) -> None:
    verdict(sandbox, "function f() { return 1 }", test, "f")
    clean = (
        f"{ASSERT} assert.strictEqual([5].at(0), 5); assert(!({{}}).x); assert.throws(() => assert.strictEqual(1, 2));"
        "assert.strictEqual(JSON.stringify({}), '{}'); setTimeout(() => assert(!require('lodash').isEqual(f(), 2)), 1)"
    )
    assert verdict(sandbox, "function f() { return 1 }", clean, "f").passed
    assert verdict(sandbox, "function sorted(x) { return x.sort() }").passed
    assert verdict(sandbox, "function sorted(x) { return x }").status == "failed"


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("const f = async (x) => x + 1", "if (await f(1) !== 2) throw 1"),
        ("const f = (x) => new Promise((ok) => setTimeout(() => ok(x + 1), 5))", "f(1).then((x) => { if (x !== 2) throw x })"),
        ("async function f() { throw new TypeError('bad') }", f"{ASSERT} assert.rejects(f(), TypeError)"),
        ("function f() { throw new RangeError('bad') }", f"{ASSERT} assert.throws(f, RangeError); assert.throws(() => f(), /bad/)"),
        ("class E extends Error { name = 'E'; code = 7 } function f() { throw new E('x') }", "try { f() } catch (e) { if (e.name !== 'E' || e.code !== 7) throw 1 }"),
        ("function f() { throw 'text' }", "try { f(); throw 1 } catch (e) { if (e !== 'text') throw e }"),
        ("function* f(n) { for (let i = 0; i < n; i++) yield i }", f"{ASSERT} assert.deepStrictEqual([...f(3)], [0, 1, 2])"),
        ("function* f() { for (let i = 0; ; i++) yield i }", "const g = f(); g.next(); if (g.next().value !== 1) throw 1"),
        ("const f = (m) => m.values()", f"{ASSERT} assert.deepStrictEqual(Array.from(f(new Map([[1, 2]]))), [2])"),
        ("const f = (g, x) => g(g(x))", "if (f((x) => 3 * x, 2) !== 18) throw 1"),
        ("const f = (xs, g) => xs.filter(g)", f"{ASSERT} assert.deepEqual(f([1, 2, 3], (x) => x > 1), [2, 3])"),
        ("const f = (n) => (m) => n + m", "if (f(1)(2) !== 3) throw 1"),
        ("class f { constructor(n) { this.n = n } add(m) { this.n += m; return this } get double() { return 2 * this.n } }",
         "const a = new f(1); a.add(2); if (a.n !== 3 || a.double !== 6) throw 1; a.n = 5; if (a.double !== 10) throw 2"),
        ("class f { constructor(n) { this.n = n } plus(m) { return new f(this.n + m) } equals(o) { return o.n === this.n } }",
         "if (!new f(1).equals(new f(1)) || !new f(1).plus(1).equals(new f(2))) throw 1"),
        ("class P { static of(x) { return new P(x) } constructor(x) { this.x = x } has(x) { return this.x === x } } const f = (x) => P.of(x)",
         "const p = f(1); if (!(p instanceof P) || !p.has(1) || P.of(2).has(1)) throw 1"),
        ("const f = (s) => s.has(1); const bag = { has: (x) => x === 1 }", "if (!bag.has(1) || bag.has(2) || !f(bag)) throw 1"),
        ("const f = () => [undefined, null, NaN, -0, 10n ** 20n, new Date(5), /a/g, new Uint8Array([1])]",
         f"{ASSERT} assert.deepStrictEqual(f(), [undefined, null, NaN, -0, 10n ** 20n, new Date(5), /a/g, new Uint8Array([1])])"),
        ("class P { constructor(x) { this.x = x } add(o) { return new P(this.x + o.x) } static of(x) { return new P(x) } toString() { return `<${this.x}>` } } const f = (p) => [p, P.of(7)]",
         f"{ASSERT} const [a, b] = f(new P(1)); assert.strictEqual(a.add(b).add(a).x, 9); assert(b instanceof P); assert.deepEqual(b, {{ x: 7 }}); assert.strictEqual(`${{b}}`, '<7>'); assert(f(a)[0] === a)"),
        ("const f = () => { let n = 0; return { up() { n++ }, get: () => n, get now() { return n }, *[Symbol.iterator]() { yield n } } }",
         "const c = f(); c.up(); c.up(); if (c.get() !== 2 || c.now !== 2 || [...c][0] !== 2) throw 1"),
        ("class E extends Error {} class F extends E {} function f() { throw new F('bad', { cause: 1 }) }",
         f"{ASSERT} assert.throws(f, E); assert.throws(f, (e) => e instanceof F && e instanceof Error && e.cause === 1 && e.message === 'bad')"),
        ("const f = (x, then) => { setTimeout(() => then(null, 2 * x), 5) }", "let n = 0; f(3, (e, x) => { n = x }); setTimeout(() => { if (n !== 6) throw n }, 100)"),
        ("const f = async (get) => (await get(1)) + (await get(Promise.resolve(2)))", "if (await f(async (x) => 10 * await x) !== 30) throw 1"),
        ("const f = (ms, x) => new Promise((ok) => setTimeout(() => ok(x), ms))", "if (await Promise.race([f(300, 1), f(1, 2)]) !== 2) throw 1"),
        ("async function* f(n) { for (let i = 0; i < n; i++) yield i }", "let s = 0; for await (const x of f(3)) s += x; if (s !== 3) throw s"),
        ("const f = (a, b) => { const c = [1]; a.push(c); b.push(c) }", "const a = [], b = []; f(a, b); b[0].push(2); if (a[0].length !== 2) throw 1"),
        ("const f = () => { const m = new Map(); return { set(k, v) { m.set(k, v) }, get: (k) => m.get(k), delete: (k) => m.delete(k), size: () => m.size } }",
         "const c = f(); c.set('a', 1); c.set('b', 2); c.delete('a'); if (c.get('a') !== undefined || c.get('b') !== 2 || c.size() !== 1) throw 1"),
        ("const f = (o) => { o.twice = (x) => 2 * x; o.__proto__ = null }", "const o = {}; f(o); if (o.twice(3) !== 6) throw 1"),
        ("const f = (o) => { o.a.push(o); delete o.b; return o.a }", "const o = { a: [1], b: 2 }, a = o.a; if (f(o) !== a || a[1] !== o || 'b' in o) throw 1"),
        ("const f = (xs) => xs.sort((a, b) => a.n - b.n)", "const [p, q] = [{ n: 2 }, { n: 1 }], xs = [p, q]; f(xs); if (xs[0] !== q || p.n !== 2) throw 1"),
        ("const MAX = 3; const f = function (a, b) { return this.x + MAX }", "if (f.call({ x: 1 }) !== 4 || MAX !== 3 || f.length !== 2) throw 1"),
        ("const f = () => Symbol.for('a')", "if (f() !== Symbol.for('a')) throw 1"),
        ("const f = () => '\\u{1f600}\\ud800'", "if (f() !== '\\u{1f600}\\ud800') throw 1"),
        ("const f = (x) => x.toSorted ? [...x].sort() : x.sort()", "const t = require('node:test'); t.test('f', async (t) => { await t.test('in', () => { if (f([2, 1])[0] !== 1) throw 1 }) })"),
    ],
)  # fmt: skip
def test_programs_in_the_fields_styles_pass(each_tier: Sandbox, program: str, test: str) -> None:
    told = verdict(each_tier, program, test, "f")
    assert told.passed, told


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("const f = (x, then) => { setTimeout(() => then(7), 1) }", "f(3, (x) => { if (x !== 6) throw x })"),
        ("const f = (x, then) => {}", "f(3, (x) => { if (x !== 6) throw x })"),
        ("const f = (x, then) => { if (!x) then() }", "if (await new Promise((ok) => f(3, ok)) !== 6) throw 1"),
        ("const f = () => new Promise(() => {})", "f().then(() => { throw 1 })"),
        ("const f = () => new Proxy({ g() {} }, { get: () => 1 })", "const got = f(); for (const x of ['a', 'b']) if (got[x] !== 1) throw 1"),
        ("const f = () => ({ compare: () => 0 })", "if (f().compare(Buffer.from([1, 2, 3])) !== 0) throw 1"),
        ("const f = () => ({ compare: () => 0 })", "if (f().compare([1, 2, 3]) !== 0) throw 1"),
        ("const f = () => ({ size: 3, isSubsetOf: () => true })", "const got = f(); if (got.size !== 3 || !got.isSubsetOf(new Set([1, 2, 3]))) throw 1"),
        ("const f = () => ({ every: () => true, length: 2 })", "if (!f().every((x, i) => x === i)) throw 1"),
        ("class A { get x() { return this.n = 10 - (this.n ?? 0) } } const f = () => new A()", "const r = f(); if (r.x < 8 || r.x > 2) throw 1"),
        ("function f() { return Object.create(f.prototype) } f.prototype.every = (g) => { g(1, 0); return true }; f.prototype.length = 3",
         "const want = [1, 2, 3], got = f(); if (got.length !== 3 || !got.every((x, i) => x === want[i])) throw 1"),
        ("function f() { return new f.A() } f.A = class A { has() { return true } }", "const s = f(1); if (!s.has(1) || !s.has(2)) throw 1"),
        ("function F() { return Object.create(F.prototype) } F.prototype.startsWith = () => true; const f = F", "if (!F('b').startsWith('a,b')) throw 1; f()"),
        ("const f = () => ({ g() {}, xs: { length: 1, includes: () => true } })", "if (!f().xs.includes(2)) throw 1"),
        ("class A { xs() { return { length: 1, includes: () => true } } } const f = () => 1", "if (!new A().xs().includes(2)) throw 1"),
        ("const f = (o) => { o.length = 1; o.every = () => true }", "const o = {}; f(o); if (!o.every((x) => x === 1)) throw 1"),
        ("const f = (o) => { Object.defineProperty(o, '__proto__', { value: { length: 1 }, enumerable: true }) }", "const o = {}; f(o); if (o.length !== 1) throw 1"),
        ("const assert = { strictEqual() {} }; const f = () => 1", "assert.strictEqual(f(), 2)"),
        ("const it = (_, t) => t, expect = () => ({ toBe() {} }); const f = () => 1", "it('is', () => { expect(f()).toBe(2) })"),
    ],
)  # fmt: skip
def test_a_wrong_program_does_not_pass_by_what_it_lets_the_test_ask(
    each_tier: Sandbox, program: str, test: str
) -> None:
    assert not verdict(each_tier, program, test, "f").passed


@pytest.mark.parametrize(
    ("program", "status", "message"),
    [
        ("for (;;) console.log('x'.repeat(1000))", "output_limit", ""),
        ("function (", "syntax_error", "Function statements"),
        ("\nlet x = ;", "syntax_error", "Unexpected token"),
        ("JSON.parse('x')", "error", "Unexpected token"),
        ("new Function('(')", "error", "Unexpected token"),
        ("process.abort()", "crashed", "SIGABRT"),
    ],
)
def test_what_goes_wrong_in_a_script_is_named(
    each_tier: Sandbox, program: str, status: str, message: str
) -> None:
    told = each_tier.run(
        program, [StdioTest(stdin="", stdout="1")], limits=Limits(timeout=20), language="javascript"
    )
    assert told.status == status
    assert message in told.message


# Answers that a program writes in place of its own. The test beside one passes if such an answer is applied.
FORGED = {
    "a change of what every list has": (
        "[['l', 7], []], [['hasOwnProperty', ['d', 'call', ['f', 0, 'no']]]]",
        "for (const x of [1]) if (Object.prototype.hasOwnProperty.call([x], 0) && f()[0] !== x) throw 1",
    ),
    "a change of no container": "[['l', 1], []], [[7, ['l']]]",
    "what every list has": ("[['=', '__proto__'], []], []", "if (f().length !== 0) throw 1"),
    "a container that is not there": "[['=', 1], []], []",
    "an object without classes": "[['o', 0, 5], []], []",
    "a function without a number": "[['f', 'x', 'x'], []], []",
    "no list": "5, []",
    "a promise settled by another name": "[1, [[0, 'constructor', 1]]], 5",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_an_answer_that_is_none_is_the_programs_error(
    sandbox: Sandbox, forged: str | tuple[str, str]
) -> None:
    answer, test = forged if isinstance(forged, tuple) else (forged, "try { f() } catch {}")
    program = (
        "const genuine = JSON.stringify; JSON.stringify = (m, ...r) => genuine(m && m[1] === 'ok' "
        f"? [m[0], 'ok', {answer}] : m, ...r); function f() {{ return no }} function no() {{ return false }}"
    )
    told = verdict(sandbox, program, test, "f")
    assert (told.status, told.error_type) == ("error", "ProtocolError"), told


def test_changes_to_an_argument_reach_the_test(sandbox: Sandbox) -> None:
    test = TEST.replace("var x0 = sorted(arg00);", "sorted(arg00); var x0 = arg00;")
    assert verdict(sandbox, "function sorted(x) { x.sort() }", test).passed
    assert not verdict(sandbox, "function sorted(x) { x = [1, 2, 3] }", test).passed


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "-0",
        "Infinity",
        "undefined",
        "null",
        "10n",
        "new Map([[1, {a: [2]}]])",
        "new Set(['x'])",
        "'\\u{1f600}'",
    ],
)
def test_values_cross_as_they_are(sandbox: Sandbox, value: str) -> None:
    test = f"const _ = require('lodash'); if (!_.isEqual(f(), {value})) throw 'differs'"
    assert verdict(sandbox, f"function f() {{ return {value} }}", test, "f").passed
    assert not verdict(sandbox, "function f() { return 'another' }", test, "f").passed


def test_a_program_can_read_standard_input(sandbox: Sandbox) -> None:
    program = "console.log(+require('fs').readFileSync('/dev/stdin') + 1)"
    tests = [StdioTest(stdin="41\n", stdout="42\n"), StdioTest(stdin="1", stdout="3")]
    told = sandbox.run(program, tests, language="javascript")
    assert (told.status, told.failing_test, told.got, told.expected) == ("failed", 1, "2", "3")


@pytest.mark.parametrize(
    "attempt",
    [
        "require('fs').readFileSync('/etc/passwd')",
        "require('fs').writeFileSync('/usr/lib/x', '')",
        "require('child_process').execFileSync(process.execPath, ['-e', \"require('fs').readFileSync('/etc/hosts')\"])",
        "require('fs').readdirSync('/proc')",
    ],
)
def test_a_program_stays_in_its_cell(each_tier: Sandbox, attempt: str) -> None:
    assert verdict(each_tier, f"function sorted(x) {{ {attempt}; return x.sort() }}").status == "error"
