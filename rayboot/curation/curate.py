"""From attempts to training examples (Dr. Boot, arXiv 2507.15889, algorithm 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Literal, NamedTuple

import pyarrow as pa

from rayboot.attempts import Attempt
from rayboot.config import CurationConfig
from rayboot.curation.buffer import distinct_programs, normalised
from rayboot.problems import Problem
from rayboot.problems.types import Language
from rayboot.prompts import PromptBuilder
from rayboot.values import Frozen

Kind = Literal["solution", "repair", "repair_on_first_prompt", "reference"]


class TrainingExample(Frozen):
    """A prompt and the completion to learn, and the attempt that they come from."""

    problem_id: str
    kind: Kind
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
    """Return the candidate examples of one problem.

    Args:
        problem: The problem of all attempts.
        attempts: Attempts of this iteration and, with the replay buffer, of earlier ones.
        iteration: Iteration of the training set.
        options: The section `curation` of the recipe.
        prompts: Builds prompts, and the completions for programs.

    Returns:
        Newest examples first, at most `max_per_problem`. The reference is an example if this iteration did not solve
        the problem. Replayed examples have verified programs that this iteration did not generate.
    """
    ordered = sorted(attempts, key=lambda attempt: (-attempt.iteration, attempt.sample, attempt.round))
    fresh = [attempt for attempt in ordered if attempt.iteration == iteration]
    earlier = [attempt for attempt in ordered if attempt.iteration < iteration and attempt.passed]
    examples, dropped = _fresh_examples(problem, fresh, options, prompts)
    if options.replay is not None:
        fresh_programs = [attempt.program for attempt in fresh if attempt.passed]
        replayed, duplicates = _replayed(problem, earlier, fresh_programs, examples, options, prompts)
        kept = replayed[: options.replay.max_per_problem]
        dropped["replay_duplicate"] = duplicates
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


def _fresh_examples(
    problem: Problem, fresh: Sequence[Attempt], options: CurationConfig, prompts: PromptBuilder
) -> CuratedProblem:
    """Return the examples of this iteration's attempts."""
    passed = [attempt for attempt in fresh if attempt.passed]
    if options.reference_fallback and not passed:
        return CuratedProblem(_reference(problem, fresh, prompts), Counter())
    examples = [example for attempt in passed for example in _verified(problem, attempt, options, prompts)]
    distinct = _distinct(examples, problem.language)
    return CuratedProblem(distinct, Counter(duplicate=len(examples) - len(distinct)))


def _replayed(
    problem: Problem,
    earlier: Sequence[Attempt],
    fresh_programs: Iterable[str],
    fresh_examples: Sequence[TrainingExample],
    options: CurationConfig,
    prompts: PromptBuilder,
) -> tuple[list[TrainingExample], int]:
    """Return examples of distinct earlier programs, without fresh programs and examples, and the number dropped."""
    origin = attrgetter("iteration", "sample", "round")
    new = {origin(attempt) for attempt in distinct_programs(earlier, problem.language, fresh_programs)}
    examples = [example for attempt in earlier for example in _verified(problem, attempt, options, prompts)]
    candidates = (example for example in examples if origin(example) in new)
    replayed = _distinct([*fresh_examples, *candidates], problem.language)[len(fresh_examples) :]
    return replayed, len(examples) - len(replayed)


def _verified(
    problem: Problem, attempt: Attempt, options: CurationConfig, prompts: PromptBuilder
) -> Iterable[TrainingExample]:
    """Yield the examples of a verified attempt: on its prompt and, as an option, a repair also on the first prompt."""
    learns_answer = options.learn == "answer" and attempt.finish_reason == "stop"
    example = TrainingExample(
        problem_id=problem.id,
        kind="repair" if attempt.round else "solution",
        iteration=attempt.iteration,
        sample=attempt.sample,
        round=attempt.round,
        prompt=attempt.prompt,
        completion=attempt.completion if learns_answer else prompts.target(problem, attempt.program),
    )
    yield example
    if attempt.round and options.reinforce_first_prompt and (first := prompts.first(problem)) is not None:
        yield example.model_copy(update={"kind": "repair_on_first_prompt", "prompt": first})


def _reference(problem: Problem, fresh: Sequence[Attempt], prompts: PromptBuilder) -> list[TrainingExample]:
    """Return the reference on the last prompt of the first chain: a repair prompt if there was a repair."""
    chain = [attempt for attempt in fresh if attempt.sample == 0 and attempt.generated]
    if not chain or not problem.references:
        return []
    last = chain[-1]
    return [
        TrainingExample(
            problem_id=problem.id,
            kind="reference",
            iteration=last.iteration,
            sample=last.sample,
            round=last.round,
            prompt=last.prompt,
            completion=prompts.target(problem, problem.references[0]),
        )
    ]


def _distinct(examples: Iterable[TrainingExample], language: Language) -> list[TrainingExample]:
    """Return the first example of each program on each prompt."""
    distinct: dict[tuple[str, str], TrainingExample] = {}
    for example in examples:
        distinct.setdefault((example.prompt, normalised(example.completion, language)), example)
    return list(distinct.values())
