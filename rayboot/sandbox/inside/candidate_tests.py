"""Assert and call tests of one job. They share the program's process, as they would share a file."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import Any

from .asserts import Question, analyse
from .compare import answers, same_result, with_whole_keys
from .job import Job, Outcome, outcome_of_stop
from .judge import NEVER_CALLED, outcome_of_exception
from .process import ChildProcess, Output, syntax_stop
from .stops import Ended, Misbehaved, Stop
from .values import Opaque, decode, encode, opaque, short_repr, shorten

_JUDGE_NUMBERS = 1_000_000
"""Requests of a judge are numbered from this much further on, for each test: no reply can be taken for another's."""


@dataclass(frozen=True)
class _Call:
    """A `call` test."""

    name: str
    args: list[Any]
    expected: Any


_Step = Question | _Call
_Plan = tuple[_Step, ...] | str
"""What one test asks of the program; or the test's source, if a judge must run it."""


class CandidateTests:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._child: ChildProcess | None = None
        self._judge: ChildProcess | None = None
        self._ready = False
        self._plans: dict[int, _Plan] = {}
        self._helping: set[int] = set()
        """Tests that bind names for later tests, and need not call the program."""
        self._depending: set[int] = set()
        self._sent: dict[int, int] = {}
        self._count = 0
        self._awaited: deque[int] = deque()
        self._early: dict[int, list[Any]] = {}

    def run(self, index: int) -> Outcome:
        """Return the outcome of one test. Its field `reached` is False if the program itself did not run to its end."""
        try:
            if self._child is None:
                self._plans, self._helping, self._depending = _plans(self._job.request)
                self._start()
            plan = self._plans[index]
            return self._ask_judge(index, code=plan) if isinstance(plan, str) else self._ask(index, plan)
        except Stop as stop:
            usage = self._child.end() if self._child is not None else {}
            return {**outcome_of_stop(stop, usage, self._job.limits), "reached": self._ready}
        except SyntaxError as error:
            return {"status": "sandbox_error", "message": f"a test is not Python: {error}", "reached": False}

    def end(self) -> None:
        for child in (self._judge, self._child):
            if child is not None:
                usage = child.end()
                if child is self._child:
                    self._job.count(usage)

    def _start(self) -> None:
        """Run the program. The first tests' questions are sent along: they reveal nothing that it may not know."""
        job = self._job
        request = job.spawn_request("candidate")
        request["setup_code"] += self._imports()
        self._child = ChildProcess(job.server, job.pump, job.output, request)
        self._send_questions(min(self._plans))
        kind, *details = self._child.receive()
        if kind == "ready":
            self._ready = True
        elif kind == "syntax" and details and isinstance(details[0], dict):
            raise syntax_stop(details[0])
        elif kind == "raised" and details:
            raise _Raised(outcome_of_exception(details[0]))
        else:
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
        requests: list[list[Any]] = []
        for index in sorted(index for index in self._plans if index >= first):
            plan = self._plans[index]
            if isinstance(plan, str):
                break
            self._sent[index] = self._count + 1
            for step in plan:
                self._count += 1
                requests.append([self._count, *_request(step)])
                self._awaited.append(self._count)
        self._child.send(requests)

    def _ask(self, index: int, plan: tuple[_Step, ...]) -> Outcome:
        assert self._child is not None
        if index not in self._sent:
            self._send_questions(index)
        for number, step in enumerate(plan, self._sent[index]):
            reply = self._early.pop(number) if number in self._early else self._reply()
            if len(reply) != 4 or reply[0] != number or reply[1] not in ("ok", "raised"):
                raise Misbehaved("the program answered what it was not asked")
            outcome = self._judged(index, step, reply[1], reply[2])
            if outcome["status"] != "passed":
                return outcome
        return {"status": "passed"}

    def _reply(self) -> list[Any]:
        assert self._child is not None
        reply = self._child.receive()
        self._awaited.popleft()
        return reply

    def _judged(self, index: int, step: _Step, kind: str, data: Any) -> Outcome:
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
                        return self._ask_judge(index, question=(data, step), call=call)
                    right = answers(step, value)
                else:
                    right = same_result(value, step.expected)
        except ValueError as error:
            raise Misbehaved(f"the program's answer is malformed: {error}") from error
        except (TypeError, ArithmeticError, RecursionError) as error:
            return {
                "status": "error",
                "error_type": type(error).__name__,
                "message": str(error),
                "call": call,
            }
        if right:
            return {"status": "passed"}
        return {"status": "failed", "call": call, "got": short_repr(value), **_expectation(step)}

    def _ask_judge(
        self, index: int, code: str = "", question: tuple[Any, Question] | None = None, call: str = ""
    ) -> Outcome:
        """Have a judge run a test that is not a plain comparison, or compare an object. It asks the program itself."""
        assert self._child is not None
        job = self._job
        while self._awaited:  # the channel must be empty for the judge
            number = self._awaited[0]
            self._early[number] = self._reply()
        self._child.leave_channel()
        if self._judge is None:
            fds = {"program": self._child.channel.fileno()}
            request = job.spawn_request("judge")
            self._judge = ChildProcess(job.server, job.pump, Output(1 << 20), request, fds, is_program=False)
        self._count += _JUDGE_NUMBERS
        request = {
            "code": question[1].source if question else code,
            "question": [question[0], _judgement(question[1])] if question else None,
            "setup_code": job.request["setup_code"],
            "entry_point": job.request["entry_point"],
            "number": self._count,
            "helps": index in self._helping,
            "depends": index in self._depending,
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
        if question and outcome["status"] == "failed":
            return {**outcome, "call": call, **_expectation(question[1])}
        return outcome


class _Objects:
    """The program's own objects in an answer. Here they equal nothing, except by the data that they are built on."""

    def __init__(self) -> None:
        self._abouts: list[dict[str, Any]] = []

    def read(self, data: list[Any]) -> Any:
        if data[0] == "m":
            return Opaque("type", f"{data[1]}.{data[2]}", True)
        if data[0] not in ("p", "h") or not isinstance(data[2], dict):
            raise ValueError(f"unknown tag {data[0]!r}")
        about = data[2]
        if data[0] == "h":
            return decode(data[3], self.read)
        self._abouts.append(about)
        return Opaque(str(about["type"])[:80], str(about["text"])[:200], bool(about["truth"]))

    def decide(self, question: Question) -> bool:
        """Return whether the result depends on them: the test names their class, and that class compares."""
        if question.form != "compare" or question.op in ("Is", "IsNot"):
            return False
        return any(
            about.get("type") in question.names and about.get("equal") not in (None, "identity")
            for about in self._abouts
        )


def _is_unreached(description: Any) -> bool:
    return isinstance(description, dict) and description.get("types", [None])[:1] == ["Unreached"]


def _judgement(question: Question) -> dict[str, Any]:
    operand = encode(question.operand, opaque)
    return {"form": question.form, "op": question.op, "operand": operand, "message": question.message}


class _Raised(Stop):
    """The program raised before the tests began."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("")
        self._outcome = outcome

    def outcome(self) -> Outcome:
        return self._outcome


def _plans(request: dict[str, Any]) -> tuple[dict[int, _Plan], set[int], set[int]]:
    """Return the plan of each assert and call test, the tests whose names others use, and those others.

    A judge also runs a test that uses names of a judged test, and one that asks nothing.
    """
    plans: dict[int, _Plan] = {}
    bound_by: dict[str, int] = {}
    helping: set[int] = set()
    depending: set[int] = set()
    for index, test in enumerate(request["tests"]):
        if test["kind"] == "call":
            plans[index] = (_Call(request["entry_point"], test["args"], test["expected"]),)
        elif test["kind"] in ("assert", "script"):
            analysis = analyse(test["code"], request["entry_point"])
            used = {bound_by[name] for name in analysis.uses if name in bound_by}
            helping |= used
            depending |= {index} if used else set()
            if not analysis.questions or used:
                bound_by |= dict.fromkeys(analysis.binds, index)
                plans[index] = test["code"]
            else:
                plans[index] = analysis.questions
    return plans, helping, depending


def _request(step: _Step) -> list[Any]:
    if isinstance(step, Question):
        return ["eval", step.code, sorted(step.names) if step.builtins_alone else []]
    return ["global", step.name, [encode(with_whole_keys(arg), opaque) for arg in step.args]]


def _call_source(call: _Call) -> str:
    return f"{call.name}({', '.join(short_repr(arg) for arg in call.args)})"


_SIGNS = {
    "NotEq": "!=",
    "Lt": "<",
    "LtE": "<=",
    "Gt": ">",
    "GtE": ">=",
    "IsNot": "is not",
    "In": "in",
    "NotIn": "not in",
}


def _expectation(step: _Step) -> Outcome:
    if isinstance(step, _Call):
        return {"message": "the result is wrong", "expected": short_repr(step.expected)}
    shown = short_repr(step.operand)
    if step.form == "near":
        shown = f"a number whose distance from {step.centre!r} is {_SIGNS.get(step.op, '==')} {shown}"
    elif step.op in _SIGNS:
        shown = f"{_SIGNS[step.op]} {shown}"
    return {"error_type": "AssertionError", "message": step.message, "expected": shown}
