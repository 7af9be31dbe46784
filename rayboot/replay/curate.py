"""From attempts to training examples (Dr. Boot, arXiv 2507.15889, algorithm 1; DESIGN section 5, steps 2 to 4)."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterable, Sequence

from rayboot.config import CurationConfig
from rayboot.problems.types import Problem
from rayboot.prompts import PromptBuilder
from rayboot.replay.examples import TrainingExample
from rayboot.rollout import Attempt


def curate_problem(
    problem: Problem,
    attempts: Sequence[Attempt],
    iteration: int,
    options: CurationConfig,
    prompts: PromptBuilder,
) -> list[TrainingExample]:
    """The examples that one problem adds to a training set.

    Args:
        problem: The problem that all attempts are for.
        attempts: Of this iteration and, with the replay buffer on, of earlier ones.
        iteration: The iteration whose training set this is.
        options: The recipe's section.
        prompts: Turns programs into completions.

    Returns:
        Newest first, without two examples of the same prompt and program, at most `max_per_problem`. Replayed
        examples are verified programs only; the reference is taught when this iteration did not solve the problem.
    """
    ordered = sorted(attempts, key=lambda attempt: (-attempt.iteration, attempt.sample, attempt.round))
    examples = [
        example
        for attempt in ordered
        if attempt.passed
        for example in _verified(problem, attempt, options, prompts)
    ]
    fresh = [attempt for attempt in ordered if attempt.iteration == iteration]
    if options.reference_fallback and not any(attempt.passed for attempt in fresh):
        examples = _reference(problem, fresh, prompts) + examples
    return _distinct(examples)[: options.max_per_problem]


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


def _verified(
    problem: Problem, attempt: Attempt, options: CurationConfig, prompts: PromptBuilder
) -> Iterable[TrainingExample]:
    example = TrainingExample(
        problem_id=problem.id,
        kind="repair" if attempt.round else "solution",
        iteration=attempt.iteration,
        sample=attempt.sample,
        round=attempt.round,
        prompt=attempt.prompt,
        completion=prompts.target(problem, attempt.program),
    )
    yield example
    if attempt.round and options.reinforce_first_prompt and (first := prompts.first(problem)) is not None:
        yield example.model_copy(update={"kind": "repair_on_first_prompt", "prompt": first})


def _reference(problem: Problem, fresh: Sequence[Attempt], prompts: PromptBuilder) -> list[TrainingExample]:
    """The reference on the last prompt of the first chain, which is a repair prompt where there was a repair."""
    asked = [attempt for attempt in fresh if attempt.sample == 0 and attempt.status != "skipped"]
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


def _distinct(examples: Iterable[TrainingExample]) -> list[TrainingExample]:
    """The first of all examples that teach the same program on the same prompt."""
    distinct: dict[tuple[str, str], TrainingExample] = {}
    for example in examples:
        distinct.setdefault((example.prompt, normalised(example.completion)), example)
    return list(distinct.values())


def normalised(program: str) -> str:
    """A program without comments and with uniform spacing: equal for programs that differ in nothing else."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(program).readline))
    except (
        tokenize.TokenError,
        SyntaxError,
    ):  # another language, or a completion that is a part of a program
        return " ".join(program.split())
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER)
    layout = {tokenize.INDENT: "<indent>", tokenize.DEDENT: "<dedent>"}
    return " ".join(layout.get(token.type, token.string) for token in tokens if token.type not in skipped)
