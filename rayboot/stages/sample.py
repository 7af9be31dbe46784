"""The stages that sample from the policy: rollout on training problems, evaluation on validation and test problems."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.algorithms import Feedback
from rayboot.attempts import CHAIN_COLUMNS, chains_by_problem, derive_seed, require_verdicts
from rayboot.config import EvaluationConfig, RolloutConfig
from rayboot.engines import SamplingParams
from rayboot.errors import RaybootError, UserError
from rayboot.metrics import attempt_metrics
from rayboot.pools.executor import SandboxExecutor
from rayboot.pools.failures import named
from rayboot.pools.replica import GenerationPool, GenerationReplica, ThroughputLedger, Weights
from rayboot.pools.throughput import Throughput
from rayboot.rollout import (
    AdaptiveAllocation,
    Arms,
    RolloutSettings,
    learned_arms,
    read_attempts,
    stream_rollout,
    unjudged_programs,
)
from rayboot.stages.results import Sampled
from rayboot.storage import Summary

if TYPE_CHECKING:
    from rayboot.stages.lab import Lab

METRIC_COLUMNS = ["split", *CHAIN_COLUMNS]


class Sampling(NamedTuple):
    """What a stage samples, from which model, and how."""

    stage: Literal["rollout", "evaluation"]
    name: str
    """Name of the stage's folder."""
    splits: Sequence[str]
    weights: Weights
    options: RolloutConfig | EvaluationConfig
    feedback: Feedback
    ks: Sequence[int] = (1,)
    """Values of k for pass@k."""
    allocation: AdaptiveAllocation | None = None
    tokens: bool = False
    """Keep the sampled tokens and their log-probabilities in the attempts."""


def rollout(lab: Lab, name: str, weights: Weights, feedback: Feedback, tokens: bool) -> Sampled:
    """Sample, verify and repair the training problems."""
    options = lab.recipe.rollout
    allocation = None
    if options.repair == "adaptive":  # with arms learned from the rollout before
        before = [each for each in lab.rollouts if each.author == weights.role]
        arms = learned_arms(lab.run.storage, before[-1].folder) if before else Arms()
        allocation = AdaptiveAllocation(arms, options.min_yield or 0.0, options.max_problem_tokens)
    return _sample(
        lab,
        Sampling(
            "rollout", name, ["train"], weights, options, feedback, allocation=allocation, tokens=tokens
        ),
    )


def evaluation(lab: Lab, name: str, weights: Weights) -> Sampled:
    """Sample, verify and repair the validation and test problems."""
    splits = [split for split in ("validation", "test") if lab.problems[split]]
    options, feedback = lab.recipe.evaluation, lab.recipe.algorithm.feedback_in_evaluation
    return _sample(lab, Sampling("evaluation", name, splits, weights, options, feedback, options.k))


def _settings(lab: Lab, sampling: Sampling) -> RolloutSettings:
    recipe, options, feedback = lab.recipe, sampling.options, sampling.feedback
    config = lab.models[sampling.weights.role].config
    if sampling.tokens and (
        config.generation.engine not in ("transformers", "vllm") or options.num_beams > 1
    ):
        raise UserError(
            f"algorithm {recipe.algorithm.type} needs the log-probabilities of sampled tokens: set generation.engine "
            f"to transformers or vllm, and {sampling.stage}.num_beams to 1"
        )
    return RolloutSettings(
        seed=recipe.seed if sampling.name == sampling.stage else derive_seed(recipe.seed, sampling.name),
        iteration=lab.iteration,
        samples=options.samples,
        repair_rounds=0 if feedback == "none" else options.repair_rounds,
        feedback="simple" if feedback == "none" else feedback,
        params=SamplingParams(
            temperature=options.temperature,
            top_p=options.top_p,
            num_beams=options.num_beams,
            max_tokens=config.max_completion_tokens,
            logprobs=sampling.tokens,
        ),
        weights=sampling.weights,
        allocation=sampling.allocation,
    )


def _sample(lab: Lab, sampling: Sampling) -> Sampled:
    """Sample, verify and repair, and return the metrics of each split.

    Raise RaybootError if the sandbox could not judge too many programs, or a replica did not take the weights.
    """
    run, iteration, stage, name = lab.run, lab.iteration, sampling.stage, sampling.name
    model, settings = lab.models[sampling.weights.role], _settings(lab, sampling)
    spent = run.spent(iteration, name)
    publishing: float = spent.get("publish_seconds", 0.0)
    ledger = ThroughputLedger(Throughput(**spent.get("generation", {})))

    def work(folder: str) -> Summary:
        nonlocal publishing
        lab.plans.start()
        generation, execution = model.engines, lab.execution
        restarts = lab.restarts()
        pairs = [(problem.id, split) for split in sampling.splits for problem in lab.problems[split]]
        with named(stage), lab.observer.stage(iteration, stage) as progress:
            progress(0, len(pairs))
            execution.broadcast(SandboxExecutor.ping)
            publishing += _publish(generation, sampling.weights)
            ledger.follow(generation)

            def poll() -> None:
                lab.report_lost_actors()
                ledger.update()

            plan = partial(
                stream_rollout,
                pairs,
                settings,
                prompts=model.prompts,
                problem_table=lab.problem_table,
                streaming=lab.recipe.rollout,
                pools=(generation, execution),
                storage=run.storage,
                folder=folder,
            )
            lab.plans.run(stage, plan, progress, meanwhile=poll)
        ledger.update(now=True)
        require_verdicts(*unjudged_programs(run.storage, folder))
        table = read_attempts(run.storage, folder, METRIC_COLUMNS)
        by_split = {split: table.filter(pc.field("split") == split) for split in sampling.splits}
        return {
            "splits": {split: metrics(rows) for split, rows in by_split.items()},
            "restarts": {kind: now - restarts[kind] for kind, now in lab.restarts().items()},
            **figures(),
        }

    def figures() -> Summary:
        return {"publish_seconds": round(publishing, 3), "generation": ledger.total.model_dump()}

    def metrics(attempts: pa.Table) -> Summary:
        chains = chains_by_problem(attempts)
        return attempt_metrics(chains, sampling.ks, _public_tests(lab)).model_dump(mode="json")

    return Sampled.model_validate(run.once(iteration, name, work, figures))


def _publish(engines: GenerationPool, weights: Weights) -> float:
    """Publish the weights to every replica, and return the seconds that it took.

    Raise RaybootError if a replica has other weights afterwards.
    """
    started = time.monotonic()
    versions = engines.broadcast(GenerationReplica.publish, weights)
    if set(versions) != {weights.version}:
        raise RaybootError(f"replicas have weights {versions} after weights {weights.version} were published")
    return round(time.monotonic() - started, 3)


def _public_tests(lab: Lab) -> dict[str, int]:
    """Return the number of public tests of each problem that also has hidden ones."""
    return {
        problem.id: public
        for problems in lab.problems.values()
        for problem in problems
        if 0 < (public := len(problem.public_tests)) < len(problem.tests)
    }
