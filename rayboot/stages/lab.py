"""The lab: the stages that an algorithm calls. It owns the run, the models and the pools that stages share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import TypeVar

import ray

from rayboot.algorithms import Feedback
from rayboot.config import POLICY, Recipe
from rayboot.pools.cluster import on_every_node
from rayboot.pools.executor import ExecutionPool, ProblemTable, start_execution_pool
from rayboot.pools.replica import GenerationPool, Weights
from rayboot.pools.resources import check_fits, restarts_of
from rayboot.problems import Problem
from rayboot.rollout import Plans, RolloutWorker
from rayboot.stages.curate import curate
from rayboot.stages.history import History
from rayboot.stages.model import Model
from rayboot.stages.observer import Observer
from rayboot.stages.refit import refit
from rayboot.stages.results import Rollout, Sampled, StageResult, TrainingSet
from rayboot.stages.sample import evaluation, rollout
from rayboot.storage import FOLDERS, RunDirectory, is_remote, remove_copies
from rayboot.training import RefitKind, Refitter
from rayboot.training.fit import worker_resources

log = logging.getLogger("rayboot")

Result = TypeVar("Result", bound=StageResult)


class Lab:
    """The stages that an algorithm calls, each done once however often a run is resumed, and what they share.

    Iteration and `name` identify a stage's result; a stage that is called twice in an iteration needs distinct names.
    Pools and training workers start when a stage first needs them, and persist across iterations: resuming a finished
    run starts no engine.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: RunDirectory,
        directories: Mapping[str, str],
        problems: Mapping[str, Sequence[Problem]],
        observer: Observer,
        iteration: int = 0,
    ) -> None:
        """Args:
        directories: Directory of each pretrained model, by role; that of the policy under `policy`.
        problems: Problems of `train`, `validation`, `test` and `few_shot`; the last two may be empty.
        iteration: Number of the first iteration; seeds depend on it.

        Raise UserError if the Ray cluster cannot hold the replicas, executors or training workers of the recipe.
        """
        self.recipe, self.run, self.problems, self.observer = recipe, run, problems, observer
        self.iteration = iteration
        shots = problems["few_shot"][: recipe.problems.shots]
        self.models = {
            role: Model(role, recipe.by_role[role], directory, shots)
            for role, directory in directories.items()
        }
        """The policy and the models of the algorithm's roles."""
        self.pretrained = self.models[POLICY].pretrained
        self.plans = Plans()
        self.history = History(run, observer)
        self.rollouts: list[Rollout] = []
        """The rollouts so far, in order."""
        self._last_iteration: int | None = None
        self._done: dict[str, StageResult] = {}
        self._requested: set[tuple[int, str]] = set()
        self._evaluated: dict[int, Weights] = {}
        self._workers_lost = 0
        self._check_resources()

    def iterations(self, count: int) -> Iterator[int]:
        """Yield the iterations 1 to `count`, and record the metrics of each; stages before the loop are iteration 0."""
        self._last_iteration = count
        self._record()
        for self.iteration in range(1, count + 1):
            self._prestart_refitter()
            yield self.iteration
            self._record()

    def evaluate(self, weights: Weights, name: str = "evaluation") -> Sampled:
        """Evaluate weights on validation and test problems. An iteration evaluates the policy after its refits.

        Engines take no weights that are older than those in use.
        """
        if name == FOLDERS["evaluation"]:
            self._evaluated[self.iteration] = weights
            if self.iteration == self._last_iteration:  # no later iteration has a refit
                self._close_refitter()
                self.run.remove_state("training")
        return self._run_stage("evaluation", name, lambda: evaluation(self, name, weights))

    def rollout(
        self, weights: Weights, feedback: Feedback, name: str = "rollout", tokens: bool = False
    ) -> Rollout:
        """Sample, verify and repair every training problem with a model's weights, and return the attempts.

        Args:
            tokens: Keep the sampled tokens and their log-probabilities in the attempts.
        """
        sampled = self._run_stage("rollout", name, lambda: rollout(self, name, weights, feedback, tokens))
        folder = self.run.folder(self.iteration, name)
        self.rollouts.append(Rollout(folder, sampled.splits, self.iteration, weights.role))
        return self.rollouts[-1]

    def curate(self, *attempts: Rollout, name: str = "training_set") -> TrainingSet:
        """Build a training set from the attempts and, with `curation.replay`, verified ones of earlier iterations.

        Prompts are the policy's, whoever made the attempts.
        """
        if not attempts:
            raise ValueError("curate needs the attempts of a rollout; references() learns references alone")
        replayed = self.rollouts if self.recipe.curation.replay else []
        earlier = [each.folder for each in replayed if each.iteration < self.iteration]
        return self._curated(name, [*earlier, *(each.folder for each in attempts)])

    def references(self, name: str = "training_set") -> TrainingSet:
        """Build a training set from the training problems' references, each on its first prompt."""
        return self._curated(name, [])

    def refit(
        self, training_set: TrainingSet, start: Weights, name: str = "checkpoint", kind: RefitKind = "sft"
    ) -> Weights:
        """Train from `start` on the training set, and return the new weights of the same model."""
        self._run_stage("refit", name, lambda: refit(self, name, training_set.uri, start, kind))
        model = self.models[start.role]
        model.refits += 1
        return start.model_copy(
            update={"checkpoint": self.run.uri(self.iteration, name), "version": model.refits}
        )

    def best(self) -> Weights:
        """Return the weights with the highest pass@1 on validation; of equals by repair@1, then the earliest."""
        self._record()
        return self._evaluated[self.history.best_iteration()]

    def iteration_of(self, weights: Weights) -> int:
        """Return the iteration that evaluated the weights.

        Raise ValueError if no iteration did.
        """
        for iteration, evaluated in self._evaluated.items():
            if evaluated == weights:
                return iteration
        raise ValueError("an algorithm must return weights that it has evaluated")

    def close(self) -> None:
        """Shut down all actors that were started. An error in one shutdown does not prevent the others."""
        with ExitStack() as closing:
            sources = [
                self.run.storage.uri(""),
                *(each.pretrained.checkpoint for each in self.models.values()),
            ]
            if any(map(is_remote, sources)):
                closing.callback(on_every_node, remove_copies)  # runs last
            for model in self.models.values():
                closing.callback(model.close)
            if "execution" in self.__dict__:
                closing.callback(self.__dict__.pop("execution").shutdown)
            closing.callback(self._close_refitter)
            closing.callback(self.plans.close)

    # Shared by the stages.

    @cached_property
    def problem_table(self) -> ProblemTable:
        """Reference to all problems by id, in Ray's object store."""
        return ray.put({problem.id: problem for problems in self.problems.values() for problem in problems})

    @cached_property
    def execution(self) -> ExecutionPool:
        """Pool of sandboxes."""
        return start_execution_pool(self.recipe.sandbox)

    @cached_property
    def refitter(self) -> Refitter:
        """Client of the training workers."""
        return Refitter(self.recipe.training, self.run.state("training"))

    @property
    def shares_gpus(self) -> bool:
        """Whether engines and training workers take turns on the same GPUs."""
        return self.recipe.generation.vllm.sleep

    def report_lost_actors(self) -> None:
        """Log actors that were lost, and those that wait for resources."""
        for pool in self._pools():
            pool.report_lost_actors()
        if (lost := restarts_of(RolloutWorker.__name__)) > self._workers_lost:
            self._workers_lost = lost
            log.warning("a rollout worker was lost and is replaced; its problems in flight are done again")

    def restarts(self) -> dict[str, int]:
        """Return the number of actors replaced so far, by kind."""
        self.report_lost_actors()
        return {**{pool.kind: pool.restarts for pool in self._pools()}, "rollout worker": self._workers_lost}

    def _pools(self) -> list[GenerationPool | ExecutionPool]:
        engines = [model.engines for model in self.models.values() if model.has_engines]
        return [*engines, *([self.execution] if "execution" in self.__dict__ else [])]

    def _run_stage(self, stage: str, name: str, work: Callable[[], Result]) -> Result:
        """Run a stage, and keep the result for the metrics under the stage's kind, or under a name other than default.

        Raise ValueError if the iteration has a stage of this name already.
        """
        key = stage if name == FOLDERS[stage] else name
        if (self.iteration, name) in self._requested:
            raise ValueError(
                f"iteration {self.iteration} has a stage {name} already: give each a distinct name"
            )
        self._requested.add((self.iteration, name))
        self._done[key] = result = work()
        return result

    def _curated(self, name: str, rollouts: Sequence[str]) -> TrainingSet:
        counts = self._run_stage("curate", name, lambda: curate(self, name, rollouts))
        return TrainingSet(self.run.uri(self.iteration, name), counts)

    def _record(self) -> None:
        if self._done:
            self.history.record(self.iteration, self._done)
        self._done = {}

    def _prestart_refitter(self) -> None:
        """Start the training workers without waiting for them, unless the iteration's refit is done.

        Engines must start first if they share GPUs with the workers, or if the workers are elastic: these take all
        resources that are left.
        """
        engines_first = self.shares_gpus or self.recipe.training.min_workers is not None
        if not engines_first and self.run.summary(self.iteration, FOLDERS["refit"]) is None:
            self.refitter.start()

    def _close_refitter(self) -> None:
        if "refitter" in self.__dict__:
            self.refitter.close()

    def _check_resources(self) -> None:
        """Raise a `UserError` before any work if the nodes cannot hold the replicas, the executors or the workers."""
        sandbox, training = self.recipe.sandbox, self.recipe.training
        for role, model in self.models.items():
            generation, section = model.config.generation, "" if role == POLICY else f"models.{role}."
            options = ", ".join(f"{section}generation.{name}" for name in ("replicas", "cpus", "gpus"))
            engine = {"CPU": generation.cpus, "GPU": generation.gpus}
            check_fits("generation replicas", generation.replicas, engine, options)
        executor = {"CPU": sandbox.cpus}
        check_fits("sandbox executors", sandbox.executors, executor, "sandbox.executors, sandbox.cpus")
        if self.problems["train"]:
            workers = training.min_workers or training.workers
            options = "training.workers, training.cpus_per_worker, training.gpus_per_worker"
            check_fits("training workers", workers, worker_resources(training), options)
