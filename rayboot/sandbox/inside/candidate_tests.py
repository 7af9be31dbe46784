"""Assert and call tests of one job. They share the program's process, as they would share a file."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import Any, cast

from .asserts import Question, analyse
from .compare import answers, same_result, with_whole_keys
from .framing import Message
from .job import Job, Outcome, outcome_of_stop
from .judge import NEVER_CALLED, Request, outcome_of_exception
from .process import ChildProcess, Output, syntax_stop
from .stops import Ended, Misbehaved, Stop
from .values import About, Data, Opaque, decode, encode, opaque, short_repr, shorten

_JUDGE_NUMBERS = 1_000_000
"""Requests of a judge are numbered from this much further on, for each test: no reply can be taken for another's."""


@dataclass(frozen=True)
class _Call:
    """A `call` test."""

    name: str
    args: list[object]
    expected: object


_Step = Question | _Call


@dataclass
class _Plan:
    """How one test is run."""

    code: str = ""
    """The test's source."""
    steps: tuple[_Step, ...] = ()
    """What it asks of the program. If that is nothing, a judge must run it."""
    helps: bool = False
    """Whether it binds names for later tests, and need not call the program."""
    depends: bool = False
    """Whether it uses such names."""


class CandidateTests:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._child: ChildProcess | None = None
        self._judge: ChildProcess | None = None
        self._ready = False
        self._plans: dict[int, _Plan] = {}
        self._sent: dict[int, int] = {}
        """Number of the first request of each test whose questions have been sent."""
        self._count = 0
        self._awaited: deque[int] = deque()
        self._early: dict[int, list[Any]] = {}

    def run(self, index: int) -> Outcome:
        """Return the outcome of one test. Its field `reached` is False if the program itself did not run to its end."""
        try:
            if self._child is None:
                self._plans = _plans(self._job.request)
                if (raised := self._start()) is not None:
                    return {**raised, "reached": False}
            plan = self._plans[index]
            return self._ask(index, plan) if plan.steps else self._ask_judge(plan)
        except Stop as stop:
            usage = self._child.end() if self._child is not None else {}
            return {**outcome_of_stop(stop, usage, self._job.limits), "reached": self._ready}
        except SyntaxError as error:
            return {"status": "sandbox_error", "message": f"a test is not Python: {error}", "reached": False}

    def end(self) -> None:
        if self._judge is not None:
            self._judge.end()
        if self._child is not None:
            self._job.count(self._child.end())

    def _start(self) -> Outcome | None:
        """Run the program. Return the outcome if it raised.

        The first tests' questions are sent along: they reveal nothing that it may not know.
        """
        job = self._job
        request = job.spawn_request("candidate")
        request["setup_code"] += self._imports()
        self._child = ChildProcess(job.server, job.pump, job.output, request)
        self._send_questions(min(self._plans))
        kind, *details = self._child.receive()
        if kind == "ready":
            self._ready = True
            return None
        if kind == "syntax" and details and isinstance(details[0], dict):
            raise syntax_stop(details[0])
        if kind == "raised" and details:
            return outcome_of_exception(details[0])
        raise Misbehaved()

    def _imports(self) -> str:
        """Return code for the tests' imports whose names the program mentions and does not bind, as in one file."""
        request = self._job.request
        codes = [test["code"] for test in request["tests"] if test["kind"] in ("assert", "script")]
        found = {pair for code in codes for pair in analyse(code, request["entry_point"]).imports}
        return "".join(
            f"\nif {name!r} not in globals():\n    try: {statement}\n    except ImportError: pass\n"
            for name, statement in sorted(found)
            if re.search(rf"\b{name}\b", request["program"])
        )

    def _send_questions(self, first: int) -> None:
        """Send the questions of this test and of those after it, up to the next test that a judge must run."""
        assert self._child is not None
        requests: list[list[object]] = []
        for index, plan in self._plans.items():
            if index < first:
                continue
            if not plan.steps:
                break
            self._sent[index] = self._count + 1
            for step in plan.steps:
                self._count += 1
                requests.append([self._count, *_request(step)])
                self._awaited.append(self._count)
        self._child.send(requests)

    def _ask(self, index: int, plan: _Plan) -> Outcome:
        if index not in self._sent:
            self._send_questions(index)
        for number, step in enumerate(plan.steps, self._sent[index]):
            reply = self._early.pop(number) if number in self._early else self._reply()
            if len(reply) != 4 or reply[0] != number or reply[1] not in ("ok", "raised"):
                raise Misbehaved("the program answered what it was not asked")
            outcome = self._judged(plan, step, reply[1], reply[2])
            if outcome["status"] != "passed":
                return outcome
        return {"status": "passed"}

    def _reply(self) -> list[Any]:
        assert self._child is not None
        reply = self._child.receive()
        self._awaited.popleft()
        return reply

    def _judged(self, plan: _Plan, step: _Step, kind: str, data: Data) -> Outcome:
        call = shorten(step.source if isinstance(step, Question) else _call_source(step), 400)
        if kind == "raised" and isinstance(step, Question) and step.builtins_alone and _is_unreached(data):
            return {"status": "sandbox_error", "message": NEVER_CALLED}
        if kind == "raised":
            return {**outcome_of_exception(data), "call": call}
        objects = _Objects()
        try:
            with self._job.pump.alarm():
                value = decode(data, objects.read)
                if isinstance(step, Question):
                    if objects.decide(step):
                        return self._compare_in_judge(plan, step, data, call)
                    right = answers(step, value)
                else:
                    right = same_result(value, step.expected)
        except ValueError as error:
            raise Misbehaved(f"the program's answer is malformed: {error}") from error
        except (TypeError, ArithmeticError, RecursionError) as error:
            kind = type(error).__name__
            return {"status": "error", "error_type": kind, "message": str(error), "call": call}
        if right:
            return {"status": "passed"}
        return {"status": "failed", "call": call, "got": short_repr(value), **_expectation(step)}

    def _compare_in_judge(self, plan: _Plan, question: Question, data: Data, call: str) -> Outcome:
        """Have a judge compare an object that the program has returned."""
        operand = encode(question.operand, opaque)
        judgement = {
            "form": question.form,
            "op": question.op,
            "operand": operand,
            "message": question.message,
        }
        outcome = self._ask_judge(plan, (data, judgement), question.source)
        if outcome["status"] == "failed":
            return {**outcome, "call": call, **_expectation(question)}
        return outcome

    def _ask_judge(
        self, plan: _Plan, question: tuple[Data, Message] | None = None, source: str = ""
    ) -> Outcome:
        """Have a judge run a test that is not a plain comparison, or answer a question. It asks the program itself."""
        assert self._child is not None
        job = self._job
        while self._awaited:  # the channel must be empty for the judge
            number = self._awaited[0]
            self._early[number] = self._reply()
        self._child.leave_channel()
        if self._judge is None:
            fds = {"program": self._child.channel.fileno()}
            role = job.spawn_request("judge")
            self._judge = ChildProcess(job.server, job.pump, Output(1 << 20), role, fds, is_program=False)
        self._count += _JUDGE_NUMBERS
        request: Request = {
            "code": source or plan.code,
            "question": question,
            "setup_code": job.request["setup_code"],
            "entry_point": job.request["entry_point"],
            "number": self._count,
            "helps": plan.helps,
            "depends": plan.depends,
        }
        self._judge.send(request)
        try:
            outcome: Outcome = self._judge.receive()[0]
        except Ended as ended:
            raise Stop("the judge ended before the test did") from ended
        if outcome["status"] == "gone":
            if outcome["message"] != "gone":
                raise Misbehaved(outcome["message"])
            self._child.wait()
            raise Ended("the program ended")
        return outcome


class _Objects:
    """The program's own objects in an answer. Here they equal nothing, except by the data that they are built on."""

    def __init__(self) -> None:
        self._abouts: list[About] = []

    def read(self, data: list[Any]) -> object:
        if data[0] == "m":
            return Opaque(f"{data[1]}.{data[2]}", True)
        if data[0] not in ("p", "h") or not isinstance(data[2], dict):
            raise ValueError(f"unknown tag {data[0]!r}")
        if data[0] == "h":
            return decode(data[3], self.read)
        about = cast(About, data[2])
        self._abouts.append(about)
        return Opaque(str(about["text"])[:200], bool(about["truth"]))

    def decide(self, question: Question) -> bool:
        """Return whether the result depends on them: the test names their class, and that class compares."""
        if question.form != "compare" or question.op in ("Is", "IsNot"):
            return False
        return any(
            about.get("type") in question.names and about.get("equal") not in (None, "identity")
            for about in self._abouts
        )


def _is_unreached(description: object) -> bool:
    return isinstance(description, dict) and description.get("type") == "Unreached"


def _plans(request: Message) -> dict[int, _Plan]:
    """Return the plan of each assert and call test, by the test's index.

    A judge also runs a test that uses names of a judged test, and one that asks nothing.
    """
    plans: dict[int, _Plan] = {}
    bound_by: dict[str, _Plan] = {}
    for index, test in enumerate(request["tests"]):
        if test["kind"] == "call":
            call = _Call(request["entry_point"], test["args"], test["expected"])
            plans[index] = _Plan(steps=(call,))
        elif test["kind"] in ("assert", "script"):
            analysis = analyse(test["code"], request["entry_point"])
            used = [bound_by[name] for name in analysis.uses if name in bound_by]
            for earlier in used:
                earlier.helps = True
            plan = plans[index] = _Plan(test["code"], depends=bool(used))
            if analysis.questions and not used:
                plan.steps = analysis.questions
            else:
                bound_by |= dict.fromkeys(analysis.binds, plan)
    return plans


def _request(step: _Step) -> list[object]:
    if isinstance(step, Question):
        return ["eval", step.code, sorted(step.names) if step.builtins_alone else []]
    return ["global", step.name, [encode(with_whole_keys(arg), opaque) for arg in step.args]]


def _call_source(call: _Call) -> str:
    return f"{call.name}({', '.join(short_repr(arg) for arg in call.args)})"


_SIGNS = {"NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">="}
_SIGNS |= {"IsNot": "is not", "In": "in", "NotIn": "not in"}


def _expectation(step: _Step) -> Outcome:
    if isinstance(step, _Call):
        return {"message": "the result is wrong", "expected": short_repr(step.expected)}
    shown = short_repr(step.operand)
    if step.form == "near":
        shown = f"a number whose distance from {step.centre!r} is {_SIGNS.get(step.op, '==')} {shown}"
    elif step.op in _SIGNS:
        shown = f"{_SIGNS[step.op]} {shown}"
    return {"error_type": "AssertionError", "message": step.message, "expected": shown}
