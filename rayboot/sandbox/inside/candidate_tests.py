"""Assert and call tests of one job: they share the program's process, as they would share a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .asserts import Question, analyse
from .compare import answers, same_result, with_whole_keys
from .job import Job, Outcome, outcome_of_stop
from .judge import outcome_of_exception
from .process import ChildProcess, Output, syntax_stop
from .stops import Ended, Misbehaved, Stop
from .values import decode, encode, opaque, short_repr, shorten

_JUDGE_NUMBERS = 1_000_000
"""Requests of a judge are numbered from a multiple of it: no reply can be taken for another's."""


@dataclass(frozen=True)
class _Call:
    """A `call` test."""

    name: str
    args: list[Any]
    expected: Any


_Step = Question | _Call
_Plan = tuple[_Step, ...] | str
"""What one test asks of the program; or its source, when a judge must run it."""


class CandidateTests:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._child: ChildProcess | None = None
        self._judge: ChildProcess | None = None
        self._ready = False
        self._plans: dict[int, _Plan] = {}
        self._sent: dict[int, int] = {}
        self._count = 0

    def run(self, index: int) -> Outcome:
        """The outcome of one test. `reached` is False in it when the program itself did not get through."""
        try:
            if self._child is None:
                self._plans = _plans(self._job.request)
                self._start()
            plan = self._plans[index]
            return self._ask_judge(plan) if isinstance(plan, str) else self._ask(index, plan)
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
        """Run the program. The questions of the first tests are sent along: they say nothing that it may not know."""
        job = self._job
        self._child = ChildProcess(job.server, job.pump, job.output, job.spawn_request("candidate"))
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

    def _send_questions(self, first: int) -> None:
        """Send what this test and the tests after it ask, up to the next that a judge must run."""
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
        self._child.send(requests)

    def _ask(self, index: int, plan: tuple[_Step, ...]) -> Outcome:
        assert self._child is not None
        if index not in self._sent:
            self._send_questions(index)
        for number, step in enumerate(plan, self._sent[index]):
            reply = self._child.receive()
            if len(reply) != 4 or reply[0] != number or reply[1] not in ("ok", "raised"):
                raise Misbehaved("the program answered what it was not asked")
            outcome = self._judged(step, reply[1], reply[2])
            if outcome["status"] != "passed":
                return outcome
        return {"status": "passed"}

    def _judged(self, step: _Step, kind: str, data: Any) -> Outcome:
        call = shorten(step.source if isinstance(step, Question) else _call_source(step), 400)
        if kind == "raised":
            return {**outcome_of_exception(data), "call": call}
        try:
            with self._job.pump.alarm():
                value = decode(data)
                right = (
                    answers(step, value) if isinstance(step, Question) else same_result(value, step.expected)
                )
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

    def _ask_judge(self, code: str) -> Outcome:
        """Let a judge run a test that is not a plain comparison. It reads the program's answers itself."""
        assert self._child is not None
        job = self._job
        self._child.leave_channel()
        if self._judge is None:
            fds = {"program": self._child.channel.fileno()}
            request = job.spawn_request("judge")
            self._judge = ChildProcess(job.server, job.pump, Output(1 << 20), request, fds, is_program=False)
        self._count += _JUDGE_NUMBERS
        self._judge.send({"code": code, "entry_point": job.request["entry_point"], "number": self._count})
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


class _Raised(Stop):
    """The program raised before the tests began."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("")
        self._outcome = outcome

    def outcome(self) -> Outcome:
        return self._outcome


def _plans(request: dict[str, Any]) -> dict[int, _Plan]:
    """What each assert and call test asks. A test that uses names of a judged test is judged too."""
    plans: dict[int, _Plan] = {}
    judged_names: set[str] = set()
    for index, test in enumerate(request["tests"]):
        if test["kind"] == "call":
            plans[index] = (_Call(request["entry_point"], test["args"], test["expected"]),)
        elif test["kind"] in ("assert", "script"):
            analysis = analyse(test["code"], request["entry_point"])
            if analysis.questions is None or analysis.uses & judged_names:
                judged_names |= analysis.binds
                plans[index] = test["code"]
            else:
                plans[index] = analysis.questions
    return plans


def _request(step: _Step) -> list[Any]:
    if isinstance(step, Question):
        return ["eval", step.code]
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
