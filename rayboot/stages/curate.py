"""Curation: the stage that builds a training set, and the validation set of a refit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from rayboot.config import POLICY
from rayboot.curation import CurationJob, build_reference_set, build_training_set, contaminated
from rayboot.pools.failures import named
from rayboot.stages.results import Curated
from rayboot.storage import Summary

if TYPE_CHECKING:
    from rayboot.stages.lab import Lab


def curate(lab: Lab, name: str, rollouts: Sequence[str]) -> Curated:
    """Build the training set of all training problems from rollout folders; from references if there are none."""

    def work(folder: str) -> Summary:
        with named("curation"), lab.observer.stage(lab.iteration, "curate") as progress:
            job = CurationJob(
                iteration=lab.iteration,
                seed=lab.recipe.seed,
                options=lab.recipe.curation,
                prompts=lab.models[POLICY].prompts,
                problem_table=lab.problem_table,
                storage=lab.run.storage,
                folder=folder,
                rollouts=rollouts,
                contaminated=_contaminated(lab),
            )
            ids = [problem.id for problem in lab.problems["train"]]
            counts = lab.plans.run("curation", partial(build_training_set, ids, job), progress)
            return dict(counts.summary())

    return Curated.model_validate(lab.run.once(lab.iteration, name, work))


def validation_set(lab: Lab) -> str | None:
    """Return the URI of the validation problems' references on their first prompts; None without references.

    A refit stops early by its loss on them.
    """
    ids = [problem.id for problem in lab.problems["validation"] if problem.references]
    if not ids:
        return None

    def work(folder: str) -> Summary:
        plan = partial(
            build_reference_set,
            ids,
            0,
            lab.problem_table,
            lab.models[POLICY].prompts,
            lab.run.storage,
            folder,
        )
        lab.plans.run("curation", plan)
        return {}

    lab.run.once(0, "validation_set", work)
    return lab.run.uri(0, "validation_set")


def _contaminated(lab: Lab) -> frozenset[str]:
    """Return the training problems that resemble a validation or test problem; none without `decontaminate`."""
    words = lab.recipe.curation.decontaminate
    if words is None:
        return frozenset()
    return contaminated(lab.problems["train"], [*lab.problems["validation"], *lab.problems["test"]], words)
