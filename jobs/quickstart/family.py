"""A compositional family of problems: pipelines of two or three primitives on numbers, words, texts and dictionaries.

A pipeline determines its solution, its statement up to wording, and its behaviour. Two pipelines count as the same
problem when they behave alike on a fixed sample of inputs, whatever their code looks like.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from hashlib import sha256
from itertools import accumulate
from typing import Any

from primitives import PRIMITIVES, Primitive

SOURCES = {"numbers": 8, "text": 4, "words": 4, "number": 3, "scores": 3}
"""Types of argument, and how often each is drawn."""

LETTERS = "aeilnoprst"

_LARGEST = 10_000
_LONGEST = 200
"""Items or characters of a value at most."""

VOCABULARY = """
    apple bread candle desert engine forest garden harbor island jacket kettle lemon market needle orange paper
    quiet river silver table under violet winter yellow zebra anna level noon radar sun tree ice owl pear rose salt
    tea water stone little tall green old Paris London Rome Berlin
""".split()  # noqa: SIM905

_NOUNS = {
    "numbers": ("numbers", "values", "items", "list"),
    "text": ("text", "string", "letters"),
    "words": ("words", "names", "strings"),
    "number": ("number", "integer", "value"),
    "scores": ("scores", "entries", "dict"),
}

ARGUMENTS = {
    "numbers": "a list of numbers",
    "text": "a text",
    "words": "a list of words",
    "number": "a positive number",
    "scores": "a dictionary of scores",
}

TAUGHT_WORDINGS = {
    1: ("Write a function to {0}.", "Given {x}, {0}.", "Write a python function that takes {x} to {0}."),
    2: (
        "Write a function to {0} and then {1}.",
        "Write a python function to {0}, then {1}.",
        "Given {x}, {0} and {1}.",
        "Write a function that takes {x} to {0}, and after that {1}.",
    ),
    3: (
        "Write a function to {0}, then {1}, and finally {2}.",
        "Write a python function to {0}, {1} and then {2}.",
        "Given {x}, {0}, then {1} and {2}.",
        "Write a function that takes {x} to {0}, after that {1}, and then {2}.",
    ),
}
RARE_WORDINGS = {
    2: ("Write a function to {1}, but first {0}.", "Before you {1}, {0}: the argument is {x}."),
    3: ("Write a function to {2}, but first {0} and {1}.", "Before you {2}, {0} and then {1}."),
}
"""Wordings that the seed model has not read. They name the last step first."""


@dataclass(frozen=True)
class Step:
    """A primitive with its number and letter drawn."""

    primitive: Primitive
    number: int
    letter: str

    @cached_property
    def expression(self) -> str:
        return self.fill(self.primitive.expression)

    @cached_property
    def _function(self) -> Callable[[Any], Any]:
        return _compiled(self.expression, self.primitive.source)

    def __call__(self, value: Any) -> Any:
        """What the step makes of a value; ValueError where that is so large that the next step could take forever."""
        result = self._function(value)
        if abs(result) > _LARGEST if isinstance(result, int) else len(result) > _LONGEST:
            raise ValueError
        return result

    def fill(self, template: str) -> str:
        return template.replace("$k", str(self.number)).replace("$c", self.letter)


Pipeline = tuple[Step, ...]


def draw_step(rng: random.Random, primitive: Primitive) -> Step:
    # A factor of 1, or dropping no item, would make the step do nothing.
    longest = 3 if primitive.expression.endswith(("$k]", "$k:]", "[:$k]")) else 9
    return Step(primitive, rng.randint(2, longest), rng.choice(LETTERS))


def draw_pipeline(
    rng: random.Random, length: int, primitives: Sequence[Primitive], weights: Sequence[float]
) -> Pipeline:
    """A random chain of `length` steps whose types fit; no primitive occurs twice."""
    while True:
        kind = rng.choices(list(SOURCES), list(SOURCES.values()))[0]
        steps: list[Step] = []
        while len(steps) < length:
            used = {step.primitive for step in steps}
            fitting = [i for i, p in enumerate(primitives) if p.source == kind and p not in used]
            if not fitting:
                break
            chosen = primitives[rng.choices(fitting, [weights[i] for i in fitting])[0]]
            steps.append(draw_step(rng, chosen))
            kind = chosen.target
        if len(steps) == length:
            return tuple(steps)


def solution(pipeline: Pipeline, name: str) -> str:
    """The program, one line a step."""
    lines = [f"def {name}({pipeline[0].primitive.source}):"]
    lines += [f"    {step.primitive.target} = {step.expression}" for step in pipeline[:-1]]
    return "\n".join([*lines, f"    return {pipeline[-1].expression}"])


def draw_name(rng: random.Random, pipeline: Pipeline) -> str:
    """A function's name, such as `even_numbers`: it hints at one of the steps."""
    return f"{rng.choice(pipeline).primitive.word}_{rng.choice(_NOUNS[pipeline[0].primitive.source])}"


def draw_statement(rng: random.Random, pipeline: Pipeline, rare: float) -> str:
    """The task in words. `rare` is the probability of a wording that the seed model has not read."""
    phrases = [step.fill(rng.choice(step.primitive.phrases)) for step in pipeline]
    wordings = RARE_WORDINGS if rng.random() < rare else TAUGHT_WORDINGS
    return word(rng.choice(wordings[len(pipeline)]), phrases, pipeline)


def word(wording: str, phrases: Sequence[str], pipeline: Pipeline) -> str:
    return wording.format(*phrases, x=ARGUMENTS[pipeline[0].primitive.source])


@cache
def _compiled(expression: str, argument: str) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = eval(f"lambda {argument}: {expression}")
    return function


def trace(pipeline: Pipeline, value: Any) -> list[Any]:
    """The argument, and the value after each step."""
    return list(accumulate(pipeline, lambda value, step: step(value), initial=value))


def behave(pipeline: Pipeline, value: Any) -> str:
    """The repr of what the pipeline returns for one argument, or the name of the exception that it raises."""
    try:
        for step in pipeline:
            value = step(value)
    except (ValueError, IndexError, TypeError, KeyError) as error:
        return type(error).__name__
    return repr(value)


def draw_argument(rng: random.Random, kind: str) -> Any:
    if kind == "numbers":
        values = [rng.randint(-9, 12) for _ in range(rng.randint(3, 5))]
        return [*values, rng.choice(values)]
    if kind == "text":
        return " ".join(rng.choices(VOCABULARY, k=rng.randint(2, 3)))
    if kind == "words":
        words = rng.choices(VOCABULARY, k=rng.randint(2, 3))
        return [*words, rng.choice(words)]
    if kind == "number":
        return rng.randint(2, 40) if rng.random() < 0.6 else rng.randint(41, 150)
    return {key: rng.randint(1, 15) for key in rng.sample(VOCABULARY, k=rng.randint(2, 4))}


def arguments(kind: str, number: int, seed: int) -> tuple[Any, ...]:
    rng = random.Random(f"{kind} {seed}")
    return tuple(draw_argument(rng, kind) for _ in range(number))


def fingerprint(pipeline: Pipeline) -> int:
    """Equal for pipelines that take the same type and behave alike on 60 arguments."""
    kind = pipeline[0].primitive.source
    return _hash(kind + "\n".join(behave(pipeline, value) for value in _probes(kind)))


@cache
def _probes(kind: str) -> tuple[Any, ...]:
    return arguments(kind, 60, seed=0)


def _hash(text: str) -> int:
    # Python's own hash of a text changes from process to process.
    return int.from_bytes(sha256(text.encode()).digest()[:8])


def mutants(pipeline: Pipeline, primitives: Sequence[Primitive] = PRIMITIVES) -> Iterator[Pipeline]:
    """What a wrong reading of the statement gives: another primitive, number or letter, or two steps exchanged."""
    for i, step in enumerate(pipeline):
        before, after = pipeline[:i], pipeline[i + 1 :]
        for primitive in primitives:
            same_types = (primitive.source, primitive.target) == (
                step.primitive.source,
                step.primitive.target,
            )
            if same_types and primitive != step.primitive:
                yield (*before, replace(step, primitive=primitive), *after)
        if "$k" in step.primitive.expression:
            yield from ((*before, replace(step, number=step.number + d), *after) for d in (-1, 1))
        if "$c" in step.primitive.expression:
            yield from ((*before, replace(step, letter=c), *after) for c in LETTERS if c != step.letter)
        if after and _can_exchange(step, after[0]):
            yield (*before, after[0], step, *after[1:])


def shortened(pipeline: Pipeline) -> Iterator[Pipeline]:
    """The pipeline without one of its steps, where the types still fit."""
    for i, step in enumerate(pipeline):
        if step.primitive.source == step.primitive.target and len(pipeline) > 1:
            yield pipeline[:i] + pipeline[i + 1 :]


def _can_exchange(first: Step, second: Step) -> bool:
    kinds = {first.primitive.source, first.primitive.target, second.primitive.source, second.primitive.target}
    return len(kinds) == 1
