"""Synthetic attempts for tests of curation."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import pyarrow.parquet as pq
from hypothesis import strategies as st
from support.own_attempts import own_attempt

from rayboot.attempts import Attempt, attempts_table
from rayboot.config import GenerationConfig
from rayboot.rollout import PromptSource
from rayboot.storage import Storage

PROMPTS = PromptSource(GenerationConfig(engine="recorded", recording="none.jsonl"), "none", 500)
"""A prompt source that loads no tokenizer."""


def make_attempt(
    problem: int, iteration: int, status: str, round: int = 0, program: int = 0, sample: int = 0
) -> Attempt:
    """Return an attempt with the program of a number."""
    text = f"def f(x):\n    return {problem} * x + {program} - {program}"
    prompt = f"# Prompt {round} of own/{problem}\n"
    return own_attempt(problem, iteration, status, round, sample, prompt=prompt, program=text)


def write_rollouts(storage: Storage, attempts: Iterable[Attempt], iterations: int) -> list[str]:
    """Write one file per problem with a random name into the rollout folders of iterations 1, 2, ..; return these."""
    attempts = list(attempts)
    folders = [f"iterations/{iteration:02d}/rollout" for iteration in range(1, iterations + 1)]
    for iteration, folder in enumerate(folders, start=1):
        storage.make_folder(folder)
        for id in {attempt.problem_id for attempt in attempts}:
            rows = [a for a in attempts if (a.problem_id, a.iteration) == (id, iteration)]
            pq.write_table(attempts_table(rows), storage.path(f"{folder}/{uuid.uuid4().hex}.parquet"))
    return folders


@st.composite
def some_attempts(draw: st.DrawFn, problems: int = 4, iterations: int = 3) -> list[Attempt]:
    """Draw one to three chains of up to one repair on every problem in every iteration."""
    attempts = []
    for iteration in range(1, iterations + 1):
        for problem in range(1, problems + 1):
            for sample in range(draw(st.integers(1, 3))):
                for round in (0, 1):
                    status = draw(st.sampled_from(["passed", "failed", "error"]))
                    program = draw(st.integers(0, 3))
                    attempts.append(make_attempt(problem, iteration, status, round, program, sample))
                    if status == "passed":
                        break
    return attempts
