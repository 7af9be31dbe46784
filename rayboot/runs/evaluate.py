"""Evaluate one model on one set of problems, as an iteration of the loop does."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rayboot.config import POLICY, Recipe, recipe_from
from rayboot.errors import UserError
from rayboot.metrics import MetricsRow
from rayboot.pools.cluster import connected, required_resources
from rayboot.problems import load_problems
from rayboot.runs.launch import facts, model_directory
from rayboot.stages.lab import Lab
from rayboot.stages.observer import Observer
from rayboot.storage import RunDirectory, Storage
from rayboot.values import JsonObject


def measure(
    model: str, dataset: str, overrides: Sequence[str], out: Path | None, observer: Observer
) -> MetricsRow:
    """Sample, verify and repair every problem once.

    Args:
        model: Model directory, hub name, `quickstart`, or run directory or URI. Of a run the best iteration's
            checkpoint is evaluated with the run's recipe (prompts, few-shot examples, sampling, seed). With engine
            openai only the tokenizer is used.
        dataset: SPEC of the problems.
        overrides: Recipe options, such as `evaluation.samples=10`.
        out: New folder for the attempts and the metrics; None: they are not kept.

    Returns:
        The row of metrics.jsonl; with engine openai including retries and cost.

    Raise UserError if the model, the run, the SPEC, an option or the folder is wrong.
    """
    if out is not None and out.exists():
        raise UserError(f"{out} exists: give a new folder to --out")
    with tempfile.TemporaryDirectory(prefix="rayboot-") as temporary:
        recipe, iteration = _recipe(model, dataset, overrides, out or Path(temporary, "evaluation"))
        is_served = recipe.generation.engine == "openai"
        directories = {POLICY: model_directory(POLICY, recipe.by_role[POLICY])}
        few_shot = load_problems(recipe.problems.few_shot) if recipe.problems.few_shot else []
        problems = load_problems(dataset)[: recipe.problems.limit]
        run = RunDirectory.open(recipe, resume=False)
        with connected(required_resources(recipe, evaluation=True)):
            run.describe(facts(recipe))
            lab = Lab(
                recipe,
                run,
                directories,
                {"train": [], "validation": [], "test": problems, "few_shot": few_shot},
                observer,
                iteration,
            )
            try:
                evaluation = lab.evaluate(lab.pretrained)
            finally:
                lab.close()
        row = MetricsRow(
            iteration=iteration,
            model=model,
            dataset=dataset,
            **dict(evaluation.splits["test"]),
            **(evaluation.generation.model_dump(include={"retries", "cost"}) if is_served else {}),
        )
        run.write_metrics([row.to_json()])
    return row


def _recipe(model: str, dataset: str, overrides: Sequence[str], folder: Path) -> tuple[Recipe, int]:
    """Return a recipe for an evaluation alone, and its iteration, on which the attempts' seeds depend."""
    directory, iteration, data = _resolve(model)
    data["policy"] = {**data.get("policy", {}), "model": directory}
    section = data.get("problems", {})
    shots = min(section.get("shots", 0), section.get("limit") or section.get("shots", 0))
    data["problems"] = {
        **dict.fromkeys(("train", "validation", "test"), dataset),
        **({"few_shot": section["few_shot"], "shots": shots} if shots else {}),
    }
    if any(override.startswith("evaluation.samples=") for override in overrides):
        data.get("evaluation", {}).pop("k", None)  # the run's values of k suit the run's number of samples
    output = [f"name={folder.name}", f"runs={json.dumps(str(folder.absolute().parent))}"]
    return recipe_from(data, [*overrides, *output], where="rayboot evaluate"), iteration


def _resolve(model: str) -> tuple[str, int, JsonObject]:
    """Return the model's directory; of a run the best iteration's checkpoint, that iteration, and the run's recipe.

    Raise UserError if the run is not finished.
    """
    if "://" not in model and not Path(model, "run.json").is_file():
        return model, 0, {}
    run = RunDirectory(Storage(model))
    if not run.storage.exists("run.json"):
        return model, 0, {}
    recipe = run.recipe()
    if not recipe:
        raise UserError(f"run {model} has no recipe.yaml, which says how to prompt its model: restore it")
    best = run.facts().get("best_iteration")
    if best is None:
        has_checkpoint = run.summary(1, "checkpoint") is not None
        alternative = f", or name a checkpoint, such as {run.uri(1, 'checkpoint')}" if has_checkpoint else ""
        raise UserError(
            f"run {model} is not finished, so it has no best iteration yet; finish it with rayboot run --resume"
            + alternative
        )
    return (recipe["policy"]["model"] if best == 0 else run.uri(best, "checkpoint")), best, recipe
