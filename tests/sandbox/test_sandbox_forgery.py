"""What counts as a program's answer. Programs that try to pass without being right are in `hostile/`."""

from __future__ import annotations

from collections.abc import Callable

from rayboot.sandbox.verdict import Verdict

RunAsserts = Callable[..., Verdict]


def test_an_early_answer_counts_as_the_program_s_own(check: RunAsserts) -> None:
    """It may guess, as any program may. The comparison runs elsewhere, with a value that it has not seen."""
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
