"""The stages that sample from the policy: rollout on training problems, evaluation on validation and test problems."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.algorithms import Feedback
from rayboot.attempts import CHAIN_COLUMNS, chains_by_problem, derive_seed, require_verdicts
from rayboot.config import EvaluationConfig, RolloutConfig
from rayboot.engines import SamplingParams
from rayboot.errors import RaybootError, UserError
from rayboot.metrics import attempt_metrics
from rayboot.pools.failures import named
from rayboot.pools.replica import Weights
from rayboot.pools.throughput import Throughput, ThroughputLedger
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


def sample(
    lab: Lab,
    stage: str,
    name: str,
    splits: Sequence[str],
    policy: Weights,
    options: RolloutConfig | EvaluationConfig,
    feedback: Feedback,
    tokens: bool = False,
) -> Sampled:
    """Sample, verify and repair the problems of these splits, and return their metrics.

    Args:
        tokens: Keep the sampled tokens and their log-probabilities in the attempts.

    Raises:
        RaybootError: The sandbox could not judge too many programs, or a replica did not take the policy's weights.
    """
    recipe, run, iteration = lab.recipe, lab.run, lab.iteration
    if tokens and (recipe.generation.engine not in ("transformers", "vllm") or options.num_beams > 1):
        raise UserError(
            f"algorithm {recipe.algorithm.type} needs the log-probabilities of sampled tokens: set generation.engine "
            f"to transformers or vllm, and {stage}.num_beams to 1"
        )
    settings = RolloutSettings(
        seed=recipe.seed if name == stage else derive_seed(recipe.seed, name),
        iteration=iteration,
        samples=options.samples,
        repair_rounds=0 if feedback == "none" else options.repair_rounds,
        feedback="simple" if feedback == "none" else feedback,
        params=SamplingParams(
            temperature=options.temperature,
            top_p=options.top_p,
            num_beams=options.num_beams,
            max_tokens=recipe.policy.max_completion_tokens,
            logprobs=tokens,
        ),
        weights=policy,
        allocation=_allocation(lab) if stage == "rollout" else None,
    )

    spent = run.spent(iteration, name)
    publishing: float = spent.get("publish_seconds", 0.0)
    ledger = ThroughputLedger(Throughput(**spent.get("generation", {})))

    def work(folder: str) -> Summary:
        nonlocal publishing
        lab.plans.start()
        pools = (lab.generation, lab.execution)
        restarts = lab.restarts()
        pairs = [(problem.id, split) for split in splits for problem in lab.problems[split]]
        with named(stage), lab.observer.stage(iteration, stage) as progress:
            progress(0, len(pairs))
            lab.execution.broadcast("ping")
            publishing += _publish(lab, policy)
            ledger.follow(lab.generation)

            def poll() -> None:
                lab.report_lost_actors()
                ledger.update()

            lab.plans.run(
                stage,
                stream_rollout,
                pairs,
                settings,
                prompts=lab.prompts,
                problem_table=lab.problem_table,
                streaming=recipe.rollout,
                pools=pools,
                storage=run.storage,
                folder=folder,
                progress=progress,
                meanwhile=poll,
            )
        ledger.update(now=True)
        require_verdicts(*unjudged_programs(run.storage, folder))
        table = read_attempts(run.storage, folder, METRIC_COLUMNS)
        ks = recipe.evaluation.k if stage == "evaluation" else (1,)
        by_split = {split: table.filter(pc.field("split") == split) for split in splits}
        return {
            "splits": {split: metrics(rows, ks) for split, rows in by_split.items()},
            "restarts": {kind: now - restarts[kind] for kind, now in lab.restarts().items()},
            **figures(),
        }

    def figures() -> Summary:
        return {"publish_seconds": round(publishing, 3), "generation": ledger.total.model_dump()}

    def metrics(attempts: pa.Table, ks: Sequence[int]) -> Summary:
        return attempt_metrics(chains_by_problem(attempts), ks, _public_tests(lab)).model_dump(mode="json")

    return Sampled.model_validate(run.once(iteration, name, work, figures))


def _allocation(lab: Lab) -> AdaptiveAllocation | None:
    """Return the adaptive allocation with arms learned from the rollout before; None with `rollout.repair: fixed`."""
    options = lab.recipe.rollout
    if options.repair == "fixed":
        return None
    arms = learned_arms(lab.run.storage, lab.rollouts[-1]) if lab.rollouts else Arms()
    return AdaptiveAllocation(arms, options.min_yield or 0.0, options.max_problem_tokens)


def _publish(lab: Lab, policy: Weights) -> float:
    """Publish the weights to every replica, and return the seconds that it took.

    Raises:
        RaybootError: A replica has other weights afterwards.
    """
    started = time.monotonic()
    versions = lab.generation.broadcast("publish", policy)
    if set(versions) != {policy.version}:
        raise RaybootError(f"replicas have weights {versions} after weights {policy.version} were published")
    return round(time.monotonic() - started, 3)


def _public_tests(lab: Lab) -> dict[str, int]:
    """Return the number of public tests of each problem that also has hidden ones."""
    return {
        problem.id: public
        for problems in lab.problems.values()
        for problem in problems
        if 0 < (public := len(problem.public_tests)) < len(problem.tests)
    }
