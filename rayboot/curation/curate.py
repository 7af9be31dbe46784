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
    """A prompt and the completion to learn, with where they come from."""

    problem_id: str
    kind: Kind
    """`solution`: first prompt and a verified program. `repair`: repair prompt and a verified repair.
    `repair_on_first_prompt`: first prompt and a verified repair. `reference`: last prompt and the benchmark's own
    solution."""
    iteration: int
    """Iteration whose rollout it comes from; earlier than the training set's own for replayed examples."""
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


class Curated(NamedTuple):
    """Examples, and how many others were left out."""

    examples: list[TrainingExample]
    dropped: Counter[str]
    """By reason. `duplicate`: this iteration has the same program on the same prompt. `replay_duplicate`: this
    iteration, or one between, has the same program. Other reasons are named after the option that says so."""


def curate_problem(
    problem: Problem,
    attempts: Sequence[Attempt],
    iteration: int,
    options: CurationConfig,
    prompts: PromptBuilder,
) -> Curated:
    """The examples that one problem offers to a training set.

    Args:
        problem: The problem that all attempts are for.
        attempts: Of this iteration and, with the replay buffer on, of earlier ones.
        iteration: The iteration whose training set this is.
        options: The recipe's section.
        prompts: Turns programs into completions.

    Returns:
        Newest first, at most `max_per_problem`. The reference is taught when this iteration did not solve the problem.
        Replayed examples are verified programs only, and none that this iteration wrote too.
    """
    ordered = sorted(attempts, key=lambda attempt: (-attempt.iteration, attempt.sample, attempt.round))
    fresh = [attempt for attempt in ordered if attempt.iteration == iteration]
    earlier = [attempt for attempt in ordered if attempt.iteration < iteration and attempt.passed]
    examples, dropped = _taught(problem, fresh, options, prompts)
    if options.replay is not None:
        known = [attempt.program for attempt in fresh if attempt.passed]
        replayed, duplicates = _replayed(problem, earlier, known, examples, options, prompts)
        kept = replayed[: options.replay.max_per_problem]
        dropped["replay_duplicate"] = duplicates
        dropped["replay_max_per_problem"] = len(replayed) - len(kept)
        examples = [*examples, *kept]
    bounded = examples[: options.max_per_problem]
    dropped["max_per_problem"] = len(examples) - len(bounded)
    return Curated(bounded, dropped)


def reference_example(problem: Problem, iteration: int, prompts: PromptBuilder) -> TrainingExample | None:
    """First prompt and reference; None where there is no reference or the prompt does not fit."""
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


def _taught(
    problem: Problem, fresh: Sequence[Attempt], options: CurationConfig, prompts: PromptBuilder
) -> Curated:
    """What this iteration's own attempts teach."""
    solved = [attempt for attempt in fresh if attempt.passed]
    if options.reference_fallback and not solved:
        return Curated(_reference(problem, fresh, prompts), Counter())
    examples = [example for attempt in solved for example in _verified(problem, attempt, options, prompts)]
    distinct = _distinct(examples, problem.language)
    return Curated(distinct, Counter(duplicate=len(examples) - len(distinct)))


def _replayed(
    problem: Problem,
    earlier: Sequence[Attempt],
    known: Iterable[str],
    taught: Sequence[TrainingExample],
    options: CurationConfig,
    prompts: PromptBuilder,
) -> tuple[list[TrainingExample], int]:
    """Examples of the distinct earlier programs that are neither known nor taught, and how many others there were."""
    origin = attrgetter("iteration", "sample", "round")
    new = {origin(attempt) for attempt in distinct_programs(earlier, problem.language, known)}
    offered = [example for attempt in earlier for example in _verified(problem, attempt, options, prompts)]
    candidates = (example for example in offered if origin(example) in new)
    replayed = _distinct([*taught, *candidates], problem.language)[len(taught) :]
    return replayed, len(offered) - len(replayed)


def _verified(
    problem: Problem, attempt: Attempt, options: CurationConfig, prompts: PromptBuilder
) -> Iterable[TrainingExample]:
    as_written = options.learn == "answer" and attempt.finish_reason == "stop"
    example = TrainingExample(
        problem_id=problem.id,
        kind="repair" if attempt.round else "solution",
        iteration=attempt.iteration,
        sample=attempt.sample,
        round=attempt.round,
        prompt=attempt.prompt,
        completion=attempt.completion if as_written else prompts.target(problem, attempt.program),
    )
    yield example
    if attempt.round and options.reinforce_first_prompt and (first := prompts.first(problem)) is not None:
        yield example.model_copy(update={"kind": "repair_on_first_prompt", "prompt": first})


def _reference(problem: Problem, fresh: Sequence[Attempt], prompts: PromptBuilder) -> list[TrainingExample]:
    """The reference on the last prompt of the first chain, which is a repair prompt where there was a repair."""
    asked = [attempt for attempt in fresh if attempt.sample == 0 and attempt.made]
    if not asked or not problem.references:
        return []
    last = asked[-1]
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
    """The first of all examples that teach the same program on the same prompt."""
    distinct: dict[tuple[str, str], TrainingExample] = {}
    for example in examples:
        distinct.setdefault((example.prompt, normalised(example.completion, language)), example)
    return list(distinct.values())
