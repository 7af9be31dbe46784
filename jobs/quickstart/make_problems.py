"""Write the quickstart's problems: `python jobs/quickstart/make_problems.py` makes the packaged file again.

Rows have MBPP's fields and a `split`. No two problems behave alike, and every step of every problem matters. The
asserts of a problem fail what takes another primitive, number or letter, leaves a step out, or exchanges two.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from family import (
    Pipeline,
    arguments,
    behave,
    draw_name,
    draw_pipeline,
    draw_statement,
    fingerprint,
    mutants,
    shortened,
    solution,
    trace,
)
from primitives import PRIMITIVES, Primitive

PROBLEMS = Path(__file__).parents[2] / "rayboot/recipes/quickstart/problems.jsonl"
SPLITS = {"train": 400, "validation": 80, "test": 120}
RARE_WORDINGS = 0.25
"""Share of statements whose wording the seed model has not read."""
SEED = 2507

_TESTS = (3, 5)
"""Asserts of a problem, at least and at most."""
_CANDIDATES = 40
_LONGEST_ASSERT = 110
_EMPTY = {"[]", "{}", "''", "None"}


@cache
def draw_pipelines() -> tuple[tuple[Pipeline, list[tuple[Any, str]]], ...]:
    """Pipelines that behave differently, each with its tests; primitives are tried about equally often.

    The same at every call. Takes some ten seconds.
    """
    rng = random.Random(SEED)
    tries: Counter[Primitive] = Counter()
    behaviours: set[int] = set()
    problems: list[tuple[Pipeline, list[tuple[Any, str]]]] = []
    while len(problems) < sum(SPLITS.values()):
        weights = [1 / (1 + tries[primitive]) for primitive in PRIMITIVES]
        pipeline = draw_pipeline(rng, rng.choice((2, 3)), PRIMITIVES, weights)
        tries.update(step.primitive for step in pipeline)
        behaviour = fingerprint(pipeline)
        if behaviour in behaviours:
            continue
        tests = choose_tests(pipeline)
        if tests:
            behaviours.add(behaviour)
            problems.append((pipeline, tests))
    return tuple(problems)


def choose_tests(pipeline: Pipeline) -> list[tuple[Any, str]]:
    """Arguments and what they give, as few as tell the pipeline from all its mutants; none if that is impossible.

    A mutant that agrees with the pipeline on every candidate is taken for equivalent. A step that can be left out is
    not: its problem is refused.
    """
    kind = pipeline[0].primitive.source
    seed = fingerprint(pipeline)
    candidates = {repr(value): value for value in arguments(kind, _CANDIDATES, seed)}
    results = {key: behave(pipeline, value) for key, value in candidates.items()}
    usable = [key for key in candidates if is_usable(key, results[key])]
    if len(usable) < _CANDIDATES // 3 or _is_nearly_constant([results[key] for key in usable]):
        return []

    traces = {key: trace(pipeline, candidates[key]) for key in usable}

    def killers(wrong: Pipeline) -> set[str]:
        same = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(wrong, pipeline, strict=False)))
        rest = wrong[same:]
        return {key for key in usable if behave(rest, traces[key][same]) != results[key]}

    essential = [killers(wrong) for wrong in shortened(pipeline)]
    if not all(essential):
        return []
    distinguishable = [*essential, *filter(None, map(killers, mutants(pipeline)))]
    power = Counter(key for keys in distinguishable for key in keys)
    alive = distinguishable
    chosen: list[str] = []
    while len(chosen) < _TESTS[1] and (alive or len(chosen) < _TESTS[0]):
        left = Counter(key for keys in alive for key in keys)
        best = max(
            set(usable) - set(chosen), key=lambda key: (left[key], power[key], -len(results[key]), key)
        )
        chosen.append(best)
        alive = [keys for keys in alive if best not in keys]
    return [] if alive else [(candidates[key], results[key]) for key in chosen]


def is_usable(argument: str, result: str) -> bool:
    """Whether a test can show an argument and a result, both given as source."""
    fits = len(argument) + len(result) < _LONGEST_ASSERT
    return fits and result not in _EMPTY and not result.endswith("Error")


def _is_nearly_constant(results: list[str]) -> bool:
    return max(Counter(results).values()) > 0.7 * len(results)


def draw_rows() -> list[dict[str, Any]]:
    """All rows of the file, in order. The same at every call."""
    rng = random.Random(SEED + 1)
    problems = rng.sample(draw_pipelines(), k=sum(SPLITS.values()))
    splits = [split for split, size in SPLITS.items() for _ in range(size)]
    return [
        _row(rng, task_id, split, pipeline, tests)
        for task_id, (split, (pipeline, tests)) in enumerate(zip(splits, problems, strict=True), start=1)
    ]


def _row(
    rng: random.Random, task_id: int, split: str, pipeline: Pipeline, tests: list[tuple[Any, str]]
) -> dict[str, Any]:
    name = draw_name(rng, pipeline)
    return {
        "text": draw_statement(rng, pipeline, RARE_WORDINGS),
        "code": solution(pipeline, name),
        "task_id": task_id,
        "test_setup_code": "",
        "test_list": [f"assert {name}({value!r}) == {result}" for value, result in tests],
        "challenge_test_list": [],
        "split": split,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=PROBLEMS)
    out: Path = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(row) + "\n" for row in draw_rows()), encoding="utf-8")
    print(f"{sum(SPLITS.values())} problems written to {out}")


if __name__ == "__main__":
    main()
