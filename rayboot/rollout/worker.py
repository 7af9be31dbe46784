"""Sample, verify, feedback, repair: one problem from its first sample to its last repair."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import ray
from ray.actor import ActorHandle

from rayboot.attempts import Attempt, derive_seed, require_verdicts
from rayboot.engines import Completion, GenerationRequest, GenerationResult, SamplingParams
from rayboot.pools.actor_pool import ReplicaFailure
from rayboot.pools.actors import remote
from rayboot.pools.executor import ExecutionPool, ProblemTable, SandboxExecutor
from rayboot.pools.replica import GenerationPool, GenerationReplica, Weights
from rayboot.problems import Problem
from rayboot.prompts import feedback_text
from rayboot.rollout.allocation import AdaptiveAllocation, Arm
from rayboot.rollout.plans import PlanRunner
from rayboot.rollout.prompting import PromptSource
from rayboot.sandbox.verdict import Verdict
from rayboot.values import Frozen

NO_ANSWER = Verdict(status="sandbox_error", message="the engine gave no answer to this request")


class RolloutSettings(Frozen):
    """Everything that determines the attempts of a rollout, except the problems and the values of the weights."""

    seed: int
    """The run's seed."""
    iteration: int
    samples: int
    repair_rounds: int
    feedback: Literal["simple", "full"]
    params: SamplingParams
    weights: Weights
    allocation: AdaptiveAllocation | None = None
    """Chooses the next action after each failure, up to `samples` and `repair_rounds`. None: sample all at once, and
    repair every failing attempt."""


class RolloutWorker:
    """An asynchronous Ray Data UDF with N problems in flight.

    Each problem proceeds independently of the others: while its repairs are generated, samples of other problems run
    in the same engine batch, and the sandboxes verify programs in the order of arrival.
    """

    def __init__(
        self,
        settings: RolloutSettings,
        prompts: PromptSource,
        problem_table: Sequence[ProblemTable],
        pools: tuple[GenerationPool, ExecutionPool],
        progress: ActorHandle[PlanRunner],
        in_flight: int,
        max_programs: int,
    ) -> None:
        """Args:
        settings: How to sample and repair.
        prompts: Tokenizer, token budget and few-shot examples.
        problem_table: All problems by id, in a list, so that Ray passes it as a reference.
        pools: Generation replicas and sandbox executors.
        progress: The actor that runs the plan.
        in_flight: Most problems in flight.
        max_programs: Most programs of the whole rollout.
        """
        self._settings = settings
        self._problem_table = problem_table
        self._problems: Mapping[str, Problem] = ray.get(problem_table[0])
        self._prompts = prompts.builder
        self._continues = prompts.continued
        self._generation, self._execution = pools
        self._progress = progress
        self._slots = asyncio.Semaphore(in_flight)
        self._max_programs = max_programs
        self._unjudged: Counter[str] = Counter()

    async def __call__(self, batch: pa.Table) -> AsyncIterator[pa.Table]:
        """Deliver the attempts on a block's problems to `progress`, and yield the block. Columns: problem_id, split.

        Attempts do not go through Ray Data, which loses those of an unfinished block with its worker.
        """
        rows = {f"{row['split']}/{row['problem_id']}": row for row in batch.to_pylist()}
        finished = await remote(self._progress, PlanRunner.finished, list(rows))
        await asyncio.gather(
            *(self._run_in_slot(key, **row) for key, row in rows.items() if key not in finished)
        )
        yield batch

    async def _run_in_slot(self, key: str, problem_id: str, split: str) -> None:
        async with self._slots:
            attempts = await self._rollout(problem_id, split)
        await remote(self._progress, PlanRunner.add, key, attempts)

    async def _rollout(self, problem_id: str, split: str) -> list[Attempt]:
        problem, settings = self._problems[problem_id], self._settings
        prompt = self._prompts.first(problem)
        if prompt is None:
            return [self._attempt(problem, split, sample, 0) for sample in range(settings.samples)]
        if settings.allocation is not None:
            return await self._adaptive(problem, split, prompt, settings.allocation)
        firsts = await self._sample(problem, split, prompt, range(settings.samples))
        chains = await asyncio.gather(*(self._chain(problem, first) for first in firsts))
        return [attempt for chain in chains for attempt in chain]

    async def _adaptive(
        self, problem: Problem, split: str, prompt: str, allocation: AdaptiveAllocation
    ) -> list[Attempt]:
        """Generate one attempt after another, as `allocation` chooses, until one passes or it stops."""
        settings = self._settings
        random = np.random.default_rng(
            derive_seed(settings.seed, settings.iteration, split, problem.id, "allocation")
        )
        attempts = await self._sample(problem, split, prompt, [0])
        while not attempts[-1].passed and (possible := self._possible(attempts[-1])):
            history = [attempt.step for attempt in attempts if attempt.generated]
            action = allocation.decide(history, possible, random)
            if action == "stop":
                break
            if action == "repair":
                attempts.append(await self._repair(problem, attempts[-1]))
            else:
                attempts += await self._sample(problem, split, prompt, [attempts[-1].sample + 1])
        return attempts

    def _possible(self, last: Attempt) -> list[Arm]:
        """Return the arms that are possible after an attempt."""
        possible: list[Arm] = ["sample"] if last.sample + 1 < self._settings.samples else []
        if last.is_wrong and last.round < self._settings.repair_rounds:
            possible.append("repair")
        return possible

    async def _sample(
        self, problem: Problem, split: str, prompt: str, samples: Sequence[int]
    ) -> list[Attempt]:
        """Generate and verify the first attempts of these sample numbers."""
        seeds = [self._seed(problem, split, sample, 0) for sample in samples]
        tag = f"{split}/{problem.id}/0" + (f"/{samples[0]}" if samples[0] else "")
        result = await self._generate(problem, prompt, seeds, tag)
        programs = [self._prompts.program(problem, completion.text) for completion in result.completions]
        verdicts = await self._judge(problem, result.completions, programs)
        return [
            _answered(
                self._attempt(problem, split, sample, 0), prompt, result, completion, program, seed, verdict
            )
            for sample, completion, program, seed, verdict in zip(
                samples, result.completions, programs, seeds, verdicts, strict=True
            )
        ]

    async def _chain(self, problem: Problem, first: Attempt) -> list[Attempt]:
        """Return a first attempt and its repairs, each of the one before, until one passes or no rounds are left."""
        chain = [first]
        while chain[-1].is_wrong and len(chain) <= self._settings.repair_rounds:
            chain.append(await self._repair(problem, chain[-1]))
        return chain

    async def _repair(self, problem: Problem, last: Attempt) -> Attempt:
        """Return the repair of a failing attempt; it is skipped when its prompt does not fit the token budget."""
        number = last.round + 1
        attempt = self._attempt(problem, last.split, last.sample, number, parent=last.attempt_id)
        assert last.verdict is not None
        feedback = feedback_text(problem, last.verdict, self._settings.feedback)
        prompt = self._prompts.repair(problem, last.program, feedback)
        if prompt is None:
            return attempt
        seed = self._seed(problem, last.split, last.sample, number)
        result = await self._generate(problem, prompt, [seed], tag=f"{last.split}/{problem.id}/{number}")
        [completion] = result.completions
        program = self._prompts.program(problem, completion.text)
        [verdict] = await self._judge(problem, [completion], [program])
        return _answered(attempt, prompt, result, completion, program, seed, verdict)

    async def _generate(
        self, problem: Problem, prompt: str, seeds: Sequence[int], tag: str
    ) -> GenerationResult:
        # A chat model ends its answer itself, and may begin it like a stop string: with a fence and "\ndef".
        stop = self._prompts.template(problem).stop if self._continues else ()
        params = self._settings.params.model_copy(update={"stop": stop})
        request = GenerationRequest(prompt=prompt, seeds=tuple(seeds), params=params, tag=tag)
        [result] = await self._generation.call(GenerationReplica.generate, [request], self._settings.weights)
        return result

    async def _judge(
        self, problem: Problem, completions: Sequence[Completion], programs: Sequence[str]
    ) -> list[Verdict]:
        """Return the verdicts in the completions' order; a missing completion is a `sandbox_error`, not a failure."""
        present = [
            program for each, program in zip(completions, programs, strict=True) if not each.is_missing
        ]
        verdicts = iter(await self._verify(problem, present) if present else ())
        return [NO_ANSWER if each.is_missing else next(verdicts) for each in completions]

    async def _verify(self, problem: Problem, programs: Sequence[str]) -> list[Verdict]:
        """Return the verdicts in the programs' order. Programs that kill their sandbox get `sandbox_error`.

        Raise RaybootError if more programs of the rollout are unjudged than a stage allows.
        """
        try:
            verdicts = await self._execution.call(
                SandboxExecutor.verify, self._problem_table, problem.id, programs
            )
        except ReplicaFailure as error:
            verdicts = [Verdict(status="sandbox_error", message=str(error)) for _ in programs]
        self._unjudged.update(each.message for each in verdicts if each.status == "sandbox_error")
        require_verdicts(self._unjudged, self._max_programs)  # fail early: generation may take hours
        return verdicts

    def _seed(self, problem: Problem, split: str, sample: int, number: int) -> int:
        settings = self._settings
        return derive_seed(settings.seed, settings.iteration, split, problem.id, number, sample)

    def _attempt(
        self, problem: Problem, split: str, sample: int, number: int, parent: str | None = None
    ) -> Attempt:
        """Return an attempt without a completion, which it stays when no prompt fits the token budget."""
        return Attempt(
            attempt_id=f"{split}/{problem.id}/{sample}/{number}",
            parent_id=parent,
            iteration=self._settings.iteration,
            split=split,
            problem_id=problem.id,
            author=self._settings.weights.role,
            benchmark=problem.benchmark,
            sample=sample,
            round=number,
        )


def _answered(
    attempt: Attempt,
    prompt: str,
    result: GenerationResult,
    completion: Completion,
    program: str,
    seed: int,
    verdict: Verdict,
) -> Attempt:
    return attempt.model_copy(
        update={
            "prompt": prompt,
            "completion": completion.text,
            "program": program,
            "finish_reason": completion.finish_reason,
            "prompt_tokens": result.prompt_tokens,
            "completion_tokens": completion.tokens,
            "seed": seed,
            "weights_version": result.version,
            "verdict": verdict,
            **(
                {"token_ids": completion.token_ids, "logprobs": completion.logprobs}
                if completion.logprobs
                else {}
            ),
        }
    )
