"""Measure one model on one set of problems, as an iteration of the loop would."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rayboot.config import Recipe, recipe_from
from rayboot.errors import UserError
from rayboot.metrics import MetricsRow
from rayboot.pools.cluster import connected, required_resources
from rayboot.problems import load_problems
from rayboot.runs.launch import facts, pretrained_directory, tokenizer_directory
from rayboot.stages.lab import Lab
from rayboot.stages.observer import Observer
from rayboot.storage import RunDirectory, Storage


def measure(
    model: str, dataset: str, overrides: Sequence[str], out: Path | None, observer: Observer
) -> MetricsRow:
    """Sample, verify and repair once.

    Args:
        model: Model directory, hub name, `quickstart`, or a run directory or its URI: its best iteration's checkpoint,
            measured by the run's own recipe (prompts, examples, sampling, seed). With engine openai only its tokenizer
            is used.
        dataset: SPEC of the problems.
        overrides: Recipe options, such as `evaluation.samples=10`.
        out: New folder for the attempts and the metrics; None keeps none.

    Returns:
        The row of metrics.jsonl; with engine openai its cost, too.

    Raises:
        UserError: The model, the run, the SPEC, an option or the folder is wrong.
    """
    if out is not None and out.exists():
        raise UserError(f"{out} exists: give a new folder to --out")
    with tempfile.TemporaryDirectory(prefix="rayboot-") as temporary:
        recipe, iteration = _recipe(model, dataset, overrides, out or Path(temporary, "evaluation"))
        served = recipe.generation.engine == "openai"
        directory = tokenizer_directory if served else pretrained_directory
        pretrained = directory(recipe.policy.model)
        few_shot = load_problems(recipe.problems.few_shot) if recipe.problems.few_shot else []
        problems = load_problems(dataset)[: recipe.problems.limit]
        run = RunDirectory.open(recipe, resume=False)
        with connected(required_resources(recipe, refits=False)):
            run.describe(facts(recipe))
            lab = Lab(
                recipe,
                run,
                pretrained,
                {"train": [], "validation": [], "test": problems, "few_shot": few_shot},
                observer,
                iteration,
            )
            try:
                measured = lab.evaluate(lab.pretrained)
            finally:
                lab.close()
        row = MetricsRow(
            iteration=iteration,
            model=model,
            dataset=dataset,
            **dict(measured.splits["test"]),
            **(measured.generation.model_dump(include={"retries", "cost"}) if served else {}),
        )
        run.write_metrics([row.model_dump_json()])
    return row


def _recipe(model: str, dataset: str, overrides: Sequence[str], folder: Path) -> tuple[Recipe, int]:
    """A recipe that only evaluates, and the iteration to number the attempts by: their seeds depend on it."""
    directory, iteration, data = _resolve(model)
    data["policy"] = {**data.get("policy", {}), "model": directory}
    sets = data.get("problems", {})
    shots = min(sets.get("shots", 0), sets.get("limit") or sets.get("shots", 0))
    data["problems"] = {
        **dict.fromkeys(("train", "validation", "test"), dataset),
        **({"few_shot": sets["few_shot"], "shots": shots} if shots else {}),
    }
    if any(given.startswith("evaluation.samples=") for given in overrides):
        data.get("evaluation", {}).pop("k", None)  # the run's k belong to its own number of samples
    place = [f"name={folder.name}", f"runs={json.dumps(str(folder.absolute().parent))}"]
    return recipe_from(data, [*overrides, *place], where="rayboot evaluate"), iteration


def _resolve(model: str) -> tuple[str, int, dict[str, Any]]:
    """The model's directory; of a run that of its best iteration, with the iteration and the run's recipe."""
    if "://" not in model and not Path(model, "run.json").is_file():
        return model, 0, {}
    run = RunDirectory(Storage(model))
    if not run.storage.exists("run.json"):
        return model, 0, {}
    recipe = run.recipe()
    best = run.facts().get("best_iteration")
    if best is None:
        refitted = run.summary(1, "checkpoint") is not None
        instead = f", or name a checkpoint, such as {run.uri(1, 'checkpoint')}" if refitted else ""
        raise UserError(
            f"run {model} is not finished, so it has no best iteration yet; finish it with rayboot run --resume"
            + instead
        )
    return (recipe["policy"]["model"] if best == 0 else run.uri(best, "checkpoint")), best, recipe
