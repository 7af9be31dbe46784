"""Measure one model on one set of problems, as an iteration of the loop would."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from rayboot.cluster import connected, required_resources
from rayboot.config import Recipe, recipe_from
from rayboot.errors import UserError
from rayboot.launch import facts, pretrained_directory, tokenizer_directory
from rayboot.observer import Observer
from rayboot.problems import load_problems
from rayboot.run import RunDirectory, Summary
from rayboot.stages import Stages

BORROWED = ("policy", "generation", "sandbox", "training", "mode", "seed")
"""What a measurement of a run takes over from the run's own recipe."""


def measure(
    model: str, dataset: str, overrides: Sequence[str], out: Path | None, observer: Observer
) -> Summary:
    """Sample, verify and repair once.

    Args:
        model: Model directory, hub name, `quickstart`, or a run directory: its best iteration's checkpoint. With
            engine openai only its tokenizer is used.
        dataset: SPEC of the problems.
        overrides: Recipe options, such as `evaluation.samples=10`.
        out: New folder for the attempts and the metrics; None keeps none.

    Returns:
        pass@k, repair@k, tokens and the like, as a row of metrics.jsonl; with engine openai its cost, too.

    Raises:
        UserError: The model, the run, the SPEC, an option or the folder is wrong.
    """
    if out is not None and out.exists():
        raise UserError(f"{out} exists: give a new folder to --out")
    with tempfile.TemporaryDirectory(prefix="rayboot-") as temporary:
        recipe = _recipe(model, dataset, overrides, out or Path(temporary, "evaluation"))
        served = recipe.generation.engine == "openai"
        directory = tokenizer_directory if served else pretrained_directory
        pretrained = directory(recipe.policy.model)
        few_shot = load_problems(recipe.problems.few_shot) if recipe.problems.few_shot else []
        problems = load_problems(dataset)[: recipe.problems.limit]
        with connected(required_resources(recipe)):
            run = RunDirectory.open(recipe, resume=False, facts=facts(recipe))
            stages = Stages(
                recipe,
                run,
                pretrained,
                {"train": [], "validation": [], "test": problems, "few_shot": few_shot},
                observer,
            )
            try:
                evaluation = stages.evaluate(0, stages.pretrained)
            finally:
                stages.close()
        metrics: Summary = evaluation["splits"]["test"]
        if served:
            metrics |= {name: evaluation["generation"][name] for name in ("retries", "cost")}
        run.write_metrics([{"model": model, "dataset": dataset, **metrics}])
    return metrics


def _recipe(model: str, dataset: str, overrides: Sequence[str], folder: Path) -> Recipe:
    """A recipe that only evaluates."""
    directory, borrowed = _resolve(model)
    data: dict[str, Any] = {
        **borrowed,
        "policy": {**borrowed.get("policy", {}), "model": directory},
        "problems": {"train": dataset, "validation": dataset, "test": dataset},
    }
    place = [f"name={folder.name}", f"runs={json.dumps(str(folder.absolute().parent))}"]
    return recipe_from(data, [*overrides, *place], where="rayboot evaluate")


def _resolve(model: str) -> tuple[str, dict[str, Any]]:
    """The model's directory and, of a run, what its recipe says: the best iteration with the run's own options."""
    run = Path(model)
    if not (run / "run.json").is_file():
        return model, {}
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    borrowed = {name: recipe[name] for name in BORROWED}
    best = json.loads((run / "run.json").read_text()).get("best_iteration")
    if best is None:
        raise UserError(
            f"run {model} is not finished, so it has no best iteration yet; finish it with rayboot run --resume, "
            f"or name a checkpoint, such as {model}/iterations/01/checkpoint"
        )
    return (recipe["policy"]["model"] if best == 0 else f"{model}/iterations/{best:02d}/checkpoint"), borrowed
