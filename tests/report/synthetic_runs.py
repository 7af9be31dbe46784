"""Synthetic run directories."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from rayboot.attempts import Attempt, attempts_table
from rayboot.metrics import attempt_metrics

SIZES = {"train": 12, "validation": 6, "test": 8}
MODEL = "models/tiny"


def make_run(
    runs: Path,
    name: str = "small",
    algorithm: str = "drboot",
    feedback: str = "full",
    iterations: int = 2,
    planned: int | None = None,
    statement: str = "Multiply",
    better: int = 2,
    best: int | None = None,
) -> Path:
    """Write a run that solves two problems of each split in iteration 0, and `better` more in each iteration.

    Args:
        iterations: Number of measured iterations.
        planned: Number of iterations in the recipe; if it is larger, the run is unfinished.
        statement: Beginning of every statement.
        best: Best iteration. Default: the last one of a finished run.
    """
    run = runs / name
    rows: list[dict[str, Any]] = []
    for iteration in range(iterations + 1):
        splits = {"evaluation": ("validation", "test")}
        if iteration and algorithm != "finetune":
            splits = {"rollout": ("train",), **splits}
        for stage, measured in splits.items():
            repairs = stage == "evaluation" or feedback != "none"
            solved = 2 + better * (iteration - (stage == "rollout"))
            attempts = [
                attempt
                for split in measured
                for attempt in _attempts(split, iteration, solved, repairs, statement)
            ]
            _write_stage(run, iteration, stage, attempts)
            for split in measured:
                of_split = attempts_table([attempt for attempt in attempts if attempt.split == split])
                rows.append(_row(iteration, split, attempt_metrics(of_split).model_dump(), algorithm))
    if best is None and planned in (None, iterations):
        best = iterations
    options = {"iterations": planned or iterations, "feedback": feedback} if algorithm == "drboot" else {}
    recipe = {"name": name, "algorithm": {"type": algorithm, **options}, "policy": {"model": MODEL}}
    facts = {"name": name, "rayboot": "0.1.0", **({} if best is None else {"best_iteration": best})}
    (run / "recipe.yaml").write_text(
        "".join(f"{key}: {json.dumps(value)}\n" for key, value in recipe.items())
    )
    (run / "run.json").write_text(json.dumps(facts))
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def _attempts(split: str, iteration: int, solved: int, repairs: bool, statement: str) -> Iterable[Attempt]:
    """Yield attempts: problems below `solved` pass at once, the next one after a repair, others never."""
    for number in range(SIZES[split]):
        prompt = f"# Task\n{statement} by {number}.\n# Solution\n"
        if number < solved:
            yield _attempt(split, iteration, number, 0, "passed", prompt, f"return {number} * x")
            continue
        status = "error" if number % 3 else "failed"
        yield _attempt(split, iteration, number, 0, status, prompt, f"return y  # {number}")
        if repairs:
            status = "passed" if number == solved else "syntax_error"
            repair_prompt = (
                f"{prompt}def f(x):\n    return y  # {number}\n# Feedback\nIt is wrong.\n# Repair\n"
            )
            yield _attempt(split, iteration, number, 1, status, repair_prompt, f"return {number} * x")


def _attempt(
    split: str, iteration: int, number: int, round: int, status: str, prompt: str, body: str
) -> Attempt:
    id = f"{split}/{number}"
    return Attempt.model_validate(
        {
            "attempt_id": f"{split}/{id}/0/{round}",
            "parent_id": f"{split}/{id}/0/0" if round else None,
            "iteration": iteration,
            "split": split,
            "problem_id": id,
            "benchmark": "own",
            "sample": 0,
            "round": round,
            "prompt": prompt,
            "program": f"def f(x):\n    {body}",
            "prompt_tokens": 20,
            "completion_tokens": 10,
            "status": status,
            "error_type": {"error": "NameError", "failed": "AssertionError"}.get(status, ""),
            "message": "name 'y' is not defined" if status == "error" else "",
            "line": 2 if status == "error" else None,
        }
    )


def _write_stage(run: Path, iteration: int, stage: str, attempts: list[Attempt]) -> None:
    folder = run / f"iterations/{iteration:02d}/{stage}"
    folder.mkdir(parents=True)
    pq.write_table(attempts_table(attempts), folder / "part.parquet")
    folder.with_suffix(".done").write_text("{}")


def _row(iteration: int, split: str, metrics: dict[str, float], algorithm: str) -> dict[str, Any]:
    kinds = {"reference": 12} if algorithm == "finetune" else {"reference": 5, "repair": 3, "solution": 4}
    refit = (
        {"training/steps": 7, "training/train_loss": 0.5 / iteration, "training/tokens": 90}
        if iteration
        else {}
    )
    return {
        "iteration": iteration,
        "split": split,
        **metrics,
        "generation": {"completion_tokens": 300, "busy_seconds": 1.5, "sample_seconds": 12.0},
        "training_examples": kinds if iteration else {},
        "replayed_examples": {"1": 2} if iteration == 2 else {},
        "dropped_examples": {"duplicate": 3} if iteration == 2 else {},
        "seconds": {
            "evaluation": 2.0,
            **({"rollout": 3.0, "curate": 0.1, "refit": 70.0} if iteration else {}),
        },
        **refit,
    }


class Page(HTMLParser):
    """The text, sections, links and charts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.sections: list[str] = []
        self.links: list[str] = []
        self.charts: list[str] = []
        self.source = text
        self._silent = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._silent += tag in ("script", "style")
        self.links += [value for name, value in attributes.items() if name in ("src", "href")]
        if tag == "section":
            self.sections.append(attributes["id"])
        if attributes.get("class") == "chart":
            self.charts.append(attributes["aria-label"])

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def attempts(self) -> dict[str, Any]:
        """The JSON of the page's attempts."""
        start = self.source.index('id="attempts-data">') + len('id="attempts-data">')
        data: dict[str, Any] = json.loads(self.source[start : self.source.index("</script>", start)])
        return data
