"""What the seed model is trained on: the family's common half, and repairs of wrong programs.

Whatever behaves like one of the packaged problems is left out, of all splits, and so are rare phrases and wordings.
In a part of the examples one phrase is replaced by random words, or the order of the steps is left open: the model
learns to make use of the test and the feedback where it does not understand the task.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from family import (
    SOURCES,
    TAUGHT_WORDINGS,
    VOCABULARY,
    Pipeline,
    behave,
    draw_argument,
    draw_name,
    draw_pipeline,
    fingerprint,
    mutants,
    shortened,
    solution,
    word,
)
from make_problems import draw_pipelines, is_usable
from primitives import PRIMITIVES

from rayboot.problems import AssertTest, Problem
from rayboot.prompts import PromptBuilder, feedback_text
from rayboot.sandbox.verdict import Verdict

TAUGHT = tuple(primitive for primitive in PRIMITIVES if not primitive.rare)
LENGTHS = {1: 1, 2: 5, 3: 5}
"""Steps of a pipeline, and how often each number is drawn."""
REPAIRS = 0.25
"""Share of the examples that are repairs."""
UNCLEAR = {"first": 0.08, "repair": 0.4}
"""Share of the first prompts, and of the repair prompts, whose statement leaves something open."""

_OPEN_WORDINGS = {
    2: "Write a function to do this in the right order: {0}; {1}.",
    3: "Write a function to do this in the right order: {0}; {1}; {2}.",
}
_ORDER = -1
PROMPT_LIMIT = 10_000
"""Characters, more than any prompt has."""
_WORDS = sorted(
    {
        part
        for primitive in PRIMITIVES
        for phrase in primitive.phrases
        for part in re.findall("[a-z]+", phrase)
    }
    | {*VOCABULARY}
)
"""Words that say nothing: names, and phrases that nobody understands, are made of them."""


@dataclass(frozen=True)
class Example:
    """A prompt, and the program that answers it."""

    prompt: str
    completion: str
    pipeline: Pipeline
    statement: str


@dataclass(frozen=True)
class _Statement:
    text: str
    unclear: int | None
    """Index of the step whose phrase says nothing; `_ORDER` if the order is open; None for a clear statement."""


def packaged_behaviours() -> set[int]:
    """Fingerprints of the packaged problems of all splits."""
    return {fingerprint(pipeline) for pipeline, _ in draw_pipelines()}


def examples(rng: random.Random, excluded: set[int]) -> Iterator[Example]:
    """Examples without end."""
    prompts = PromptBuilder(count_tokens=len, max_tokens=PROMPT_LIMIT)
    while True:
        length = rng.choices(list(LENGTHS), list(LENGTHS.values()))[0]
        pipeline = draw_pipeline(rng, length, TAUGHT, [1.0] * len(TAUGHT))
        if fingerprint(pipeline) in excluded:
            continue
        argument, result = _draw_call(rng, pipeline)
        if result is None:
            continue
        kind = "repair" if rng.random() < REPAIRS else "first"
        statement = _draw_statement(rng, pipeline, UNCLEAR[kind])
        name = _draw_name(rng, pipeline)
        test = AssertTest(code=f"assert {name}({argument!r}) == {result!r}", public=True)
        problem = Problem(id="seed", benchmark="quickstart", statement=statement.text, tests=(test,))
        program = solution(pipeline, name)
        if kind == "first":
            prompt = prompts.first(problem)
        else:
            wrong = _draw_wrong_program(rng, pipeline, name, statement.unclear)
            verdict = judge(wrong, name, argument, result)
            prompt = prompts.repair(problem, wrong, feedback_text(problem, verdict, "full"))
        assert prompt is not None
        yield Example(prompt, program, pipeline, statement.text)


def judge(program: str, name: str, argument: Any, expected: Any) -> Verdict:
    """What the sandbox says of a program that this module made, without a sandbox: it is trusted and quick.

    A program that passes is taken to fail on a hidden test.
    """
    scope: dict[str, Any] = {}
    call = f"{name}({argument!r})"
    try:
        exec(compile(program, "<program>", "exec"), scope)
        got = eval(call, scope)
    except SyntaxError as error:
        return Verdict(status="syntax_error", error_type="SyntaxError", message=error.msg, line=error.lineno)
    except Exception as error:
        line = _line(error)
        return Verdict(
            status="error",
            failing_test=0,
            error_type=type(error).__name__,
            message=str(error),
            line=line,
            call=call,
        )
    if got == expected:
        return Verdict(status="sandbox_error")
    return Verdict(
        status="failed",
        failing_test=0,
        error_type="AssertionError",
        call=call,
        got=repr(got),
        expected=repr(expected),
    )


def _line(error: Exception) -> int | None:
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<program>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _draw_call(rng: random.Random, pipeline: Pipeline) -> tuple[Any, Any]:
    """An argument and its result; None as a result where there is none of use."""
    for _ in range(5):
        argument = draw_argument(rng, pipeline[0].primitive.source)
        result = behave(pipeline, argument)
        if is_usable(repr(argument), result):
            return argument, eval(result)
    return None, None


def _draw_statement(rng: random.Random, pipeline: Pipeline, unclear: float) -> _Statement:
    phrases = [step.fill(rng.choice(step.primitive.phrases)) for step in pipeline]
    wording = rng.choice(TAUGHT_WORDINGS[len(pipeline)])
    where: int | None = None
    if rng.random() < unclear:
        where = rng.randrange(-1 if len(pipeline) > 1 else 0, len(pipeline))
        if where == _ORDER:
            rng.shuffle(phrases)
            wording = _OPEN_WORDINGS[len(pipeline)]
        else:
            phrases[where] = " ".join(rng.choices(_WORDS, k=rng.randint(3, 7)))
    return _Statement(word(wording, phrases, pipeline), where)


def _draw_name(rng: random.Random, pipeline: Pipeline) -> str:
    """A function's name: half of them hint at nothing, so that the model learns to copy it from the test."""
    if rng.random() < 0.5:
        return draw_name(rng, pipeline)
    return f"{rng.choice(_WORDS)}_{rng.choice(_WORDS)}".lower()


def _draw_wrong_program(rng: random.Random, pipeline: Pipeline, name: str, unclear: int | None) -> str:
    """A program as a model could have written it that misread one step, above all the unclear one."""
    if unclear is None and rng.random() < 0.15:
        return _draw_slip(rng, solution(pipeline, name), name)
    wrong = [*mutants(pipeline, TAUGHT), *shortened(pipeline)]
    if unclear == _ORDER:
        wrong = [other for other in wrong if sorted(map(str, other)) == sorted(map(str, pipeline))] or wrong
    elif unclear is not None:
        kept = [step for i, step in enumerate(pipeline) if i != unclear]
        wrong = [other for other in wrong if all(step in other for step in kept)] or wrong
    return solution(rng.choice(wrong), name) if wrong else _draw_slip(rng, solution(pipeline, name), name)


def _draw_slip(rng: random.Random, program: str, name: str) -> str:
    """The program with a slip of the pen: the function's name, a variable's name, or a lost bracket."""
    slip = rng.choice(("function", "variable", "bracket"))
    if slip == "function":
        return program.replace(name, f"{rng.choice(TAUGHT).word}_{name.partition('_')[2]}", 1)
    if slip == "variable":
        variable = rng.choice([name for name in SOURCES if name in program])
        before, _, after = program.rpartition(variable)
        return f"{before}data{after}"
    where = rng.choice([i for i, character in enumerate(program) if character in ")]}"])
    return program[:where] + program[where + 1 :]
