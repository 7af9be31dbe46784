"""From a recipe to a finished run: check the inputs, connect to Ray, run the algorithm, write the report."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import ray

from rayboot import __version__
from rayboot.config import POLICY, ModelConfig, Recipe
from rayboot.errors import UserError
from rayboot.metrics import MetricsRow
from rayboot.models import check_model, check_tokenizer
from rayboot.pools.cluster import connected, required_resources
from rayboot.problems import Problem, find_overlaps, load_problems
from rayboot.recipes import resolve_model
from rayboot.report import write_report
from rayboot.rollout import PromptSource
from rayboot.stages.lab import Lab
from rayboot.stages.observer import Observer
from rayboot.storage import RunDirectory, is_remote
from rayboot.storage.lease import leased
from rayboot.training.zero import deepspeed_options
from rayboot.values import Frozen, JsonObject

log = logging.getLogger("rayboot")

TOKENIZER_FILES = ["*.json", "*.model", "*.txt", "*.jinja"]
PACKAGES = ("ray", "torch", "transformers", "pyarrow", "pydantic")


class Outcome(Frozen):
    """Paths or URIs of a finished run's results."""

    best_iteration: int
    """Chosen by validation; 0 if no refit was better than the pretrained model."""
    checkpoint: str
    """Hugging Face directory of the best iteration."""
    metrics: str
    report: str
    rows: tuple[MetricsRow, ...]
    """The rows of metrics.jsonl."""


def run_recipe(recipe: Recipe, observer: Observer, resume: bool = False) -> Outcome:
    """Run a recipe from its inputs to its report.

    Raise UserError if something in the recipe, the problems or the model is wrong; raised before any actor starts.
    Raise RaybootError if a stage failed. Finished stages are kept, and `resume` continues after them.
    """
    recipe.require_weights()
    deepspeed_options(recipe.training)
    problems = load_splits(recipe)
    directories = {role: model_directory(role, model) for role, model in recipe.by_role.items()}
    for role, directory in directories.items():  # checks the templates before anything starts
        PromptSource.of(recipe.by_role[role], directory, problems["few_shot"])
    with leased(RunDirectory.of(recipe).storage):
        run = RunDirectory.open(recipe, resume)
        with connected(required_resources(recipe)):
            run.describe(facts(recipe))
            lab = Lab(recipe, run, directories, problems, observer)
            try:
                best = recipe.algorithm.run(lab)
            finally:
                lab.close()
        run.finish(lab.iteration_of(best))
        write_report(run.storage)
    return Outcome(
        best_iteration=lab.iteration_of(best),
        checkpoint=best.checkpoint,
        metrics=run.storage.uri("metrics.jsonl"),
        report=run.storage.uri("report.html"),
        rows=tuple(lab.history.rows),
    )


def load_splits(recipe: Recipe) -> Mapping[str, Sequence[Problem]]:
    """Return the recipe's problems by role: `train`, `validation`, `test` and `few_shot`.

    Raise UserError if a SPEC is wrong, a set is empty, two of train, validation and test share a problem id, or the
    algorithm needs references and there are none.
    """
    specs = recipe.problems
    spec_of = {
        "train": specs.train,
        "validation": specs.validation,
        "test": specs.test,
        "few_shot": specs.few_shot,
    }
    problems = {role: load_problems(spec)[: specs.limit] if spec else [] for role, spec in spec_of.items()}
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        pairs = find_overlaps(problems[first], problems[second])
        if same := [pair for pair in pairs if pair.same == "id"]:
            raise UserError(
                f"problems.{first} ({spec_of[first]}) and problems.{second} ({spec_of[second]}) share "
                f"{len(same)} problems, such as {same[0].train_id}: give them different splits, as in SPEC/train"
            )
        if pairs:
            log.warning(
                f"{len({pair.train_id for pair in pairs})} problems of problems.{first} are those of "
                f"problems.{second} under another id, such as {pairs[0].train_id} and {pairs[0].test_id} (the same "
                f"{pairs[0].same}); with curation.decontaminate they are not learned from"
            )
    if recipe.algorithm.learns_references and not any(problem.references for problem in problems["train"]):
        raise UserError(
            f"algorithm {recipe.algorithm.type} trains on references, and problems.train ({specs.train}) has none"
        )
    return problems


def model_directory(role: str, config: ModelConfig) -> str:
    """Return the local directory, or the URI, of a model; a hub name is downloaded.

    Of a server's model it has the tokenizer alone, which counts the tokens of prompts. A model beside the policy whose
    completions are recorded needs no files.

    Raise UserError if there is no such model, or a file of it is missing.
    """
    model, files = resolve_model(config.model), None
    if is_remote(model) or (role != POLICY and config.generation.engine == "recorded"):
        return model
    if config.generation.engine == "openai":
        check_tokenizer(model)
        files = TOKENIZER_FILES
    else:
        check_model(model)
    return os.path.abspath(model) if os.path.isdir(model) else _download(model, files)


def _download(name: str, files: list[str] | None) -> str:
    from huggingface_hub import snapshot_download

    try:
        return str(snapshot_download(name, allow_patterns=files))
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"model {name} is not a local directory and cannot be downloaded from the hub ({reason}); "
            "give the path of a Hugging Face model directory"
        ) from None


def facts(recipe: Recipe) -> JsonObject:
    """Return versions, seed and hardware for `run.json`."""
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return {
        "name": recipe.name,
        "seed": recipe.seed,
        "rayboot": __version__,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "resources": {kind: amount for kind, amount in resources.items() if ":" not in kind},
    }
