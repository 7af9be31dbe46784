"""Bootstrapping with repair: the algorithm of Dr. Boot (arXiv 2507.15889)."""

from __future__ import annotations

from rayboot.config import Recipe
from rayboot.history import History
from rayboot.stages import Stages


def bootstrap(recipe: Recipe, stages: Stages, history: History) -> int:
    """Improve the policy by its own verified solutions and repairs; return the best iteration.

    Iteration 0 is the pretrained model, measured only. Each later one starts from the policy of the one before:

    1. rollout: the policy writes a solution to every training problem, and the sandbox verifies it; a failing
       program returns with feedback and is repaired.
    2. curate: what passed is learned, on the prompt that it answered; where nothing passed, the reference.
    3. refit: from the pretrained weights (the paper) or the previous ones, on this training set.
    4. evaluate: the new weights are published to the generation replicas and measured.

    Every step is done once: on resume, what is finished is read back instead.
    """
    policy = stages.pretrained
    history.record(0, evaluation=stages.evaluate(0, policy))
    for iteration in range(1, recipe.iterations + 1):
        stages.expect_refit(iteration)
        rollout = stages.rollout(iteration, policy) if recipe.mode != "finetune" else None
        training_set = stages.curate(iteration)
        start = stages.pretrained if recipe.training.start == "pretrained" else policy
        policy, training = stages.refit(iteration, start)
        evaluation = stages.evaluate(iteration, policy)
        history.record(iteration, evaluation, rollout, training_set, training)
    return history.best_iteration()
