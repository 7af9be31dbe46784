"""From attempts to training examples (Dr. Boot, arXiv 2507.15889, algorithm 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import pyarrow as pa

from rayboot.attempts import Attempt
from rayboot.config import POLICY, CurationConfig
from rayboot.curation.duplicates import normalised
from rayboot.problems import Problem
from rayboot.problems.types import Language
from rayboot.prompts import PromptBuilder
from rayboot.values import Frozen

ExampleKind = Literal["solution", "repair", "repair_on_first_prompt", "reference"]


class TrainingExample(Frozen):
    """A prompt and the completion to learn, and the attempt that they come from."""

    problem_id: str
    kind: ExampleKind
    """`solution`: first prompt and a verified program. `repair`: repair prompt and a verified repair.
    `repair_on_first_prompt`: first prompt and a verified repair. `reference`: last prompt and the data set's own
    solution."""
    iteration: int
    """Iteration of the attempt's rollout; of a replayed example it is earlier than that of the training set."""
    sample: int
    round: int
    prompt: str
    completion: str


SCHEMA = pa.schema(
    [
        (name, pa.int64() if field.annotation is int else pa.string())
        for name, field in TrainingExample.model_fields.items()
    ]
)
"""Columns of a training set's Parquet files: the fields of `TrainingExample`."""


def examples_table(examples: list[TrainingExample]) -> pa.Table:
    return pa.Table.from_pylist([example.model_dump() for example in examples], schema=SCHEMA)


class CuratedProblem(NamedTuple):
    """The candidate examples of one problem, before global limits, and the number of examples dropped."""

    examples: list[TrainingExample]
    dropped: Counter[str]
    """By reason. `duplicate`: this iteration has the same program on the same prompt. `replay_duplicate`: this
    iteration, or a later one than the example's, has the same program. Other reasons are named after an option."""


def curate_problem(
    problem: Problem,
    attempts: Sequence[Attempt],
    iteration: int,
    options: CurationConfig,
    prompts: PromptBuilder,
) -> CuratedProblem:
    """Return the candidate examples of one problem for the training set of an iteration.

    They come from this iteration's attempts and, with the replay buffer, from earlier ones: newest first, at most
    `max_per_problem`. The reference is an example if this iteration did not solve the problem. Replayed examples have
    verified programs that this iteration did not generate.
    """
    # Author and seed tell apart the attempts of several rollouts of one iteration.
    ordered = sorted(attempts, key=lambda a: (-a.iteration, a.sample, a.round, a.author, a.seed))
    fresh = [attempt for attempt in ordered if attempt.iteration == iteration]
    solutions = [attempt for attempt in fresh if attempt.passed]
    dropped: Counter[str] = Counter()
    if options.reference_fallback and not solutions:
        examples = _reference(problem, fresh, prompts)
    else:
        verified = _verified(problem, solutions, options, prompts)
        examples = _distinct(verified, problem.language)
        dropped["duplicate"] = len(verified) - len(examples)
    if options.replay is not None:
        earlier = [attempt for attempt in ordered if attempt.iteration < iteration and attempt.passed]
        by_attempt = [_verified(problem, [attempt], options, prompts) for attempt in earlier]
        new = _new(problem.language, earlier, solutions)
        unseen = [example for position in new for example in by_attempt[position]]
        replayed = _distinct([*examples, *unseen], problem.language)[len(examples) :]
        kept = replayed[: options.replay.max_per_problem]
        dropped["replay_duplicate"] = sum(map(len, by_attempt)) - len(replayed)
        dropped["replay_max_per_problem"] = len(replayed) - len(kept)
        examples = [*examples, *kept]
    limited = examples[: options.max_per_problem]
    dropped["max_per_problem"] = len(examples) - len(limited)
    return CuratedProblem(limited, dropped)


def reference_example(problem: Problem, iteration: int, prompts: PromptBuilder) -> TrainingExample | None:
    """Return the reference on the first prompt; None without a reference, or if the prompt does not fit."""
    prompt = prompts.first(problem)
    if prompt is None or not problem.references:
        return None
    return TrainingExample(
        problem_id=problem.id,
        kind="reference",
        iteration=iteration,
        sample=0,
        round=0,
        prompt=prompt,
        completion=prompts.target(problem, problem.references[0]),
    )


def _reference(problem: Problem, fresh: Sequence[Attempt], prompts: PromptBuilder) -> list[TrainingExample]:
    """Return the reference on the last prompt of the first chain: a repair prompt if there was a repair."""
    chain = [attempt for attempt in fresh if attempt.sample == 0 and attempt.generated]
    if not chain or not problem.references:
        return []
    target, prompt = prompts.target(problem, problem.references[0]), _prompt(problem, chain[-1], prompts)
    return [] if prompt is None else [_example(chain[-1], "reference", prompt, target)]


def _verified(
    problem: Problem, attempts: Sequence[Attempt], options: CurationConfig, prompts: PromptBuilder
) -> list[TrainingExample]:
    """Return the examples of verified attempts: on its prompt and, as an option, a repair also on the first prompt.

    Another model's program is learned on the policy's first prompt alone, in the form that this asks for.
    """
    examples: list[TrainingExample] = []
    for attempt in attempts:
        by_policy = attempt.author == POLICY
        learns_answer = by_policy and options.learn == "answer" and attempt.finish_reason == "stop"
        completion = attempt.completion if learns_answer else prompts.target(problem, attempt.program)
        if by_policy:
            kind: ExampleKind = "repair" if attempt.round else "solution"
            examples.append(_example(attempt, kind, attempt.prompt, completion))
        if by_policy and not (attempt.round and options.reinforce_first_prompt):
            continue
        if (first := prompts.first(problem)) is not None:
            kind = "repair_on_first_prompt" if attempt.round else "solution"
            examples.append(_example(attempt, kind, first, completion))
    return examples


def _prompt(problem: Problem, attempt: Attempt, prompts: PromptBuilder) -> str | None:
    """Return the policy's prompt for an attempt: the first prompt for that of another model."""
    return attempt.prompt if attempt.author == POLICY else prompts.first(problem)


def _example(attempt: Attempt, kind: ExampleKind, prompt: str, completion: str) -> TrainingExample:
    return TrainingExample(
        problem_id=attempt.problem_id,
        kind=kind,
        iteration=attempt.iteration,
        sample=attempt.sample,
        round=attempt.round,
        prompt=prompt,
        completion=completion,
    )


def _new(language: Language, earlier: Sequence[Attempt], fresh: Sequence[Attempt]) -> list[int]:
    """Return the positions of the first attempts of the earlier programs that are not among the fresh ones."""
    known = {normalised(attempt.program, language) for attempt in fresh}
    first: dict[str, int] = {}
    for position, attempt in enumerate(earlier):
        first.setdefault(normalised(attempt.program, language), position)
    return [position for program, position in first.items() if program not in known]


def _distinct(examples: Iterable[TrainingExample], language: Language) -> list[TrainingExample]:
    """Return the first example of each program on each prompt."""
    distinct: dict[tuple[str, str], TrainingExample] = {}
    for example in examples:
        distinct.setdefault((example.prompt, normalised(example.completion, language)), example)
    return list(distinct.values())
