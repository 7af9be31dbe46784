"""The stages of an iteration: each does its work once, however often a run is resumed."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray

from rayboot.allocation import AdaptiveAllocation, Arms
from rayboot.cluster import on_every_node
from rayboot.config import EvaluationConfig, Recipe, RolloutConfig
from rayboot.errors import RaybootError
from rayboot.evaluation import (
    CHAIN_COLUMNS,
    attempt_metrics,
    chains_by_problem,
    metric_intervals,
    public_only_rate,
)
from rayboot.failures import named
from rayboot.generation import SamplingParams
from rayboot.observer import Observer
from rayboot.pool import ActorPool
from rayboot.problems import Problem
from rayboot.replay import CurationJob, build_reference_set, build_training_set, contaminated
from rayboot.resources import check_fits, restarts_of
from rayboot.rollout import (
    Plans,
    PromptSource,
    RolloutSettings,
    RolloutWorker,
    Throughput,
    ThroughputLedger,
    Weights,
    derive_seed,
    learned_arms,
    read_attempts,
    require_verdicts,
    start_execution_pool,
    start_generation_pool,
    stream_rollout,
    unjudged_programs,
)
from rayboot.run import RunDirectory, Summary
from rayboot.storage import forget_copies, is_remote
from rayboot.training import RefitJob, Refitter
from rayboot.training.fit import worker_resources

log = logging.getLogger("rayboot")

METRIC_COLUMNS = ["split", *CHAIN_COLUMNS]


class Stages:
    """Rollout, curation, refit and evaluation of one run, over pools that outlive its iterations.

    Nothing is started before a stage has work to do: resuming a run that is finished starts no engine.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: RunDirectory,
        pretrained: str,
        problems: Mapping[str, Sequence[Problem]],
        observer: Observer,
    ) -> None:
        """Args:
        pretrained: Directory of the pretrained model.
        problems: By split: `train`, `validation`, `test` (may be empty), and `few_shot` (likewise).
        """
        self._recipe = recipe
        self._run = run
        self._problems = problems
        self._observer = observer
        self.pretrained = Weights(checkpoint=pretrained, version=0)
        self._prompts = PromptSource.of(recipe, pretrained, problems["few_shot"])
        self._plans = Plans()
        self._workers_lost = 0
        self._check_places()

    def expect_refit(self, iteration: int) -> None:
        """Have the training workers start, if the iteration's refit is still to come, and do not wait for them.

        Not where others must come first: engines on the same GPUs, or all those that elastic workers leave room for.
        """
        first = self._shares_gpus or self._recipe.training.min_workers is not None
        if not first and self._run.summary(iteration, "checkpoint") is None:
            self._refitter.start()

    def rollout(self, iteration: int, policy: Weights) -> Summary:
        """Sample, verify and repair every training problem with the policy. The summary: metrics of `train`."""
        options, rounds = self._recipe.rollout, self._recipe.repair_rounds
        allocation = self._allocation(iteration)
        return self._attempts(iteration, "rollout", ["train"], policy, options, rounds, allocation)

    def evaluate(self, iteration: int, policy: Weights) -> Summary:
        """Measure the policy on validation and test problems. The summary: metrics of each split."""
        options = self._recipe.evaluation
        splits = [split for split in ("validation", "test") if self._problems[split]]
        return self._attempts(iteration, "evaluation", splits, policy, options, options.repair_rounds)

    def curate(self, iteration: int) -> Summary:
        """Make the iteration's training set. The summary: `examples`, `replayed` and `dropped`, as `Counts`."""
        options = self._recipe.curation
        learned = range(1 if options.replay else iteration, iteration + 1)
        rollouts = [self._run.folder(number, "rollout") for number in learned]

        def work(folder: str) -> Summary:
            with named("curation"), self._observer.stage(iteration, "curate") as progress:
                job = CurationJob(
                    iteration=iteration,
                    seed=self._recipe.seed,
                    options=options,
                    prompts=self._prompts,
                    problems=self._known,
                    storage=self._run.storage,
                    folder=folder,
                    rollouts=rollouts if self._recipe.mode != "finetune" else (),
                    contaminated=self._contaminated,
                )
                ids = [problem.id for problem in self._problems["train"]]
                counts = self._plans.run("curation", build_training_set, ids, job, progress=progress)
                return dict(counts.summary())

        return self._run.once(iteration, "training_set", work)

    def refit(self, iteration: int, start: Weights) -> tuple[Weights, Summary]:
        """Train from `start` on the iteration's training set. The new policy, and how the training went."""

        fit = _Fit(self._run.spent(iteration, "checkpoint").get("fit_seconds", 0.0))

        def work(folder: str) -> Summary:
            run, recipe = self._run, self._recipe
            validation = self._validation_set() if recipe.training.patience else None
            if self._shares_gpus:
                # Engines first, even if there are none yet: a GPU without one has room for two workers.
                self._generation.broadcast("rest")
            output = run.storage.uri(folder)
            with (
                self._observer.stage(iteration, "refit") as progress,
                tempfile.TemporaryDirectory(prefix="rayboot-") as scratch,
            ):

                def follow(step: int, steps: int, loss: float) -> None:
                    fit.tick()
                    progress(step, steps)

                result = self._refitter.refit(
                    RefitJob(
                        start=start.checkpoint,
                        training_set=run.uri(iteration, "training_set"),
                        validation_set=validation,
                        output=output,
                        storage=f"{output}.state" if run.storage.is_local else scratch,
                        name=f"{recipe.name}-{iteration:02d}",
                        seed=derive_seed(recipe.seed, iteration, "refit") % 2**31,
                        max_prompt_tokens=recipe.policy.max_prompt_tokens,
                        max_completion_tokens=recipe.policy.max_completion_tokens,
                    ),
                    follow,
                )
                shutil.rmtree(f"{output}.state", ignore_errors=True)
            if self._shares_gpus:
                self._refitter.close()  # for all of the workers' memory
            return {
                **result.model_dump(mode="json"),
                "fit_seconds": round(fit.before + result.fit_seconds, 3),
            }

        summary = self._run.once(iteration, "checkpoint", work, lambda: {"fit_seconds": fit.seconds})
        if iteration == self._recipe.iterations:  # no refit comes after it
            self._close_refitter()
            self._run.forget("training")
        return self.weights(iteration), summary

    def weights(self, iteration: int) -> Weights:
        """The policy that the iteration made; the pretrained one for 0."""
        if iteration == 0:
            return self.pretrained
        return Weights(checkpoint=self._run.uri(iteration, "checkpoint"), version=iteration)

    def close(self) -> None:
        """End the actors that were started, whichever of them are still there."""
        with ExitStack() as closing:
            if is_remote(self._run.storage.uri("")) or is_remote(self.pretrained.checkpoint):
                closing.callback(on_every_node, forget_copies)  # at last
            for name in ("_generation", "_execution"):
                if name in self.__dict__:
                    closing.callback(self.__dict__.pop(name).shutdown)
            closing.callback(self._close_refitter)
            closing.callback(self._plans.close)

    @cached_property
    def _known(self) -> Any:
        """ObjectRef of all problems by id."""
        return ray.put({problem.id: problem for problems in self._problems.values() for problem in problems})

    @cached_property
    def _contaminated(self) -> frozenset[str]:
        """Training problems too much like those that are measured, if the recipe asks."""
        words = self._recipe.curation.decontaminate
        if words is None:
            return frozenset()
        return contaminated(
            self._problems["train"], [*self._problems["validation"], *self._problems["test"]], words
        )

    @cached_property
    def _generation(self) -> ActorPool:
        return start_generation_pool(self._recipe.generation, self.pretrained.checkpoint)

    @cached_property
    def _execution(self) -> ActorPool:
        return start_execution_pool(self._recipe.sandbox)

    @cached_property
    def _refitter(self) -> Refitter:
        """The training workers, which stay from one iteration to the next as well."""
        return Refitter(self._recipe.training, self._run.state("training"))

    def _attempts(
        self,
        iteration: int,
        stage: str,
        splits: Sequence[str],
        policy: Weights,
        options: RolloutConfig | EvaluationConfig,
        repair_rounds: int,
        allocation: AdaptiveAllocation | None = None,
    ) -> Summary:
        recipe, run = self._recipe, self._run
        settings = RolloutSettings(
            seed=recipe.seed,
            iteration=iteration,
            samples=options.samples,
            repair_rounds=repair_rounds,
            feedback=recipe.feedback,
            params=SamplingParams(
                temperature=options.temperature,
                top_p=options.top_p,
                num_beams=options.num_beams,
                max_tokens=recipe.policy.max_completion_tokens,
            ),
            weights=policy,
            allocation=allocation,
        )

        spent = run.spent(iteration, stage)
        publishing: float = spent.get("publish_seconds", 0.0)
        ledger = ThroughputLedger(Throughput(**spent.get("generation", {})))

        def work(folder: str) -> Summary:
            nonlocal publishing
            self._plans.start()
            pools = (self._generation, self._execution)
            restarts = self._restarts()
            wanted = [(problem.id, split) for split in splits for problem in self._problems[split]]
            with named(stage), self._observer.stage(iteration, stage) as progress:
                progress(0, len(wanted))
                self._execution.broadcast("ping")
                publishing += self._publish(policy)
                ledger.follow(self._generation)

                def meanwhile() -> None:
                    self._look()
                    ledger.update()

                self._plans.run(
                    stage,
                    stream_rollout,
                    wanted,
                    settings,
                    prompts=self._prompts,
                    known=self._known,
                    streaming=recipe.rollout,
                    pools=pools,
                    storage=run.storage,
                    folder=folder,
                    progress=progress,
                    meanwhile=meanwhile,
                )
            ledger.update(now=True)
            require_verdicts(*unjudged_programs(run.storage, folder))
            table = read_attempts(run.storage, folder, METRIC_COLUMNS)
            ks = recipe.evaluation.k if stage == "evaluation" else (1,)
            by_split = {split: table.filter(pc.field("split") == split) for split in splits}
            return {
                "splits": {split: self._measured(rows, ks) for split, rows in by_split.items()},
                "restarts": {kind: now - restarts[kind] for kind, now in self._restarts().items()},
                **figures(),
            }

        def figures() -> Summary:
            return {"publish_seconds": round(publishing, 3), "generation": ledger.total.model_dump()}

        return run.once(iteration, stage, work, figures)

    def _allocation(self, iteration: int) -> AdaptiveAllocation | None:
        """The adaptive policy of a rollout, with what the one before has taught; None where repair is fixed."""
        options = self._recipe.rollout
        if options.repair == "fixed":
            return None
        before = self._run.folder(iteration - 1, "rollout")
        arms = learned_arms(self._run.storage, before) if iteration > 1 else Arms()
        return AdaptiveAllocation(arms, options.min_yield or 0.0, options.max_problem_tokens)

    @property
    def _shares_gpus(self) -> bool:
        """Whether engines and training workers take turns on the same GPUs."""
        return self._recipe.generation.vllm.sleep

    def _measured(self, attempts: pa.Table, ks: Sequence[int]) -> Summary:
        """The numbers of a split, and where the rates among them may lie."""
        chains = chains_by_problem(attempts)
        intervals = metric_intervals(chains, ks)
        metrics = attempt_metrics(chains, ks)
        if (alone := public_only_rate(chains, self._public)) is not None:
            metrics["public_only"] = alone.mean
            intervals["public_only"] = alone
        bounds = {name: [interval.low, interval.high] for name, interval in intervals.items()}
        return {**metrics, "intervals": bounds}

    @cached_property
    def _public(self) -> dict[str, int]:
        """Number of public tests of each problem that has hidden ones too."""
        return {
            problem.id: shown
            for problems in self._problems.values()
            for problem in problems
            if 0 < (shown := len(problem.public_tests)) < len(problem.tests)
        }

    def _check_places(self) -> None:
        """Refuse what no node could ever hold, before hours of work end in waiting for it."""
        generation, sandbox, training = self._recipe.generation, self._recipe.sandbox, self._recipe.training
        engine = {"CPU": generation.cpus, "GPU": generation.gpus}
        options = "generation.replicas, generation.cpus, generation.gpus"
        check_fits("generation replicas", generation.replicas, engine, options)
        executor = {"CPU": sandbox.cpus}
        check_fits("sandbox executors", sandbox.executors, executor, "sandbox.executors, sandbox.cpus")
        if self._problems["train"]:
            workers = training.min_workers or training.workers
            options = "training.workers, training.cpus_per_worker, training.gpus_per_worker"
            check_fits("training workers", workers, worker_resources(training), options)

    def _look(self) -> None:
        """Report what was lost, and what waits for its place."""
        for pool in (self._generation, self._execution):
            pool.look()
        if (lost := restarts_of(RolloutWorker.__name__)) > self._workers_lost:
            self._workers_lost = lost
            log.warning("a rollout worker was lost and is replaced; its problems in flight are done again")

    def _restarts(self) -> Summary:
        """Actors replaced so far."""
        self._look()
        pools = (self._generation, self._execution)
        return {**{pool.kind: pool.restarts for pool in pools}, "rollout worker": self._workers_lost}

    def _close_refitter(self) -> None:
        if "_refitter" in self.__dict__:
            self._refitter.close()

    def _publish(self, policy: Weights) -> float:
        """Have every replica take the weights, and make sure that it did; the seconds that it took."""
        started = time.monotonic()
        versions = self._generation.broadcast("publish", policy)
        if set(versions) != {policy.version}:
            raise RaybootError(
                f"replicas have weights {versions} after weights {policy.version} were published"
            )
        return round(time.monotonic() - started, 3)

    def _validation_set(self) -> str | None:
        """References of the validation problems on their first prompts, by whose loss a refit stops early."""
        ids = [problem.id for problem in self._problems["validation"] if problem.references]
        if not ids:
            return None

        def work(folder: str) -> Summary:
            arguments = (ids, 0, self._known, self._prompts, self._run.storage, folder)
            self._plans.run("curation", build_reference_set, *arguments)
            return {}

        self._run.once(0, "validation_set", work)
        return self._run.uri(0, "validation_set")


class _Fit:
    """Seconds of a training, those of interrupted runs included, as far as its steps have been heard of."""

    def __init__(self, before: float) -> None:
        self.before = before
        self._first: float | None = None
        self._last = 0.0

    def tick(self) -> None:
        self._last = time.monotonic()
        self._first = self._first or self._last

    @property
    def seconds(self) -> float:
        return round(self.before + (self._last - self._first if self._first else 0.0), 3)
