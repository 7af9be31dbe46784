"""Sample, verify, feedback, repair: one problem from its first sample to its last repair."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import ray

from rayboot.attempts import Attempt, derive_seed, require_verdicts
from rayboot.engines import Completion, GenerationRequest, GenerationResult, SamplingParams
from rayboot.pools.actor_pool import ActorPool, ReplicaFailure
from rayboot.pools.replica import Weights
from rayboot.problems import Problem
from rayboot.prompts import feedback_text
from rayboot.rollout.allocation import AdaptiveAllocation, Arm
from rayboot.rollout.prompting import PromptSource
from rayboot.sandbox.verdict import Verdict
from rayboot.values import Frozen

NO_ANSWER = Verdict(status="sandbox_error", message="the engine gave no answer to this request")


class RolloutSettings(Frozen):
    """Everything that decides what a rollout writes, but for the problems and the weights' values."""

    seed: int
    """The run's seed."""
    iteration: int
    samples: int
    repair_rounds: int
    feedback: Literal["simple", "full"]
    params: SamplingParams
    weights: Weights
    allocation: AdaptiveAllocation | None = None
    """Decides after each failure what comes next; `samples` and `repair_rounds` are then the most. None: all
    samples at once, and every failing one is repaired."""


class RolloutWorker:
    """An asynchronous Ray Data UDF: many problems are under way at once, each at its own pace.

    Nothing waits for anything but its own problem: while one problem's repairs are generated, the samples of
    others run in the same engine batch, and the sandboxes take programs as they come.
    """

    def __init__(
        self,
        settings: RolloutSettings,
        prompts: PromptSource,
        problems: Sequence[Any],
        pools: tuple[ActorPool, ActorPool],
        counter: Any,
        in_flight: int,
        most: int,
    ) -> None:
        """Args:
        settings: What to sample and repair.
        prompts: Tokenizer, budget and few-shot examples.
        problems: ObjectRef of a mapping from id to `Problem`, in a list.
        pools: Of generation replicas and of sandbox executors.
        counter: Handle of an actor whose `add` gets each finished rollout, and whose `finished` tells those it has.
        in_flight: Problems under way at once, at most.
        most: Programs of the whole rollout, at most.
        """
        self._settings = settings
        self._references = problems
        self._problems: Mapping[str, Problem] = ray.get(problems[0])
        self._prompts = prompts.builder
        self._continues = prompts.continued
        self._generation, self._execution = pools
        self._counter = counter
        self._places = asyncio.Semaphore(in_flight)
        self._most = most
        self._unjudged: Counter[str] = Counter()

    async def __call__(self, batch: pa.Table) -> AsyncIterator[pa.Table]:
        """Bring the attempts on a block's problems to `counter`, and yield the block. Columns: problem_id, split.

        Not through Ray Data: what is finished would be lost with a worker that is not through with its block.
        """
        rows = {f"{row['split']}/{row['problem_id']}": row for row in batch.to_pylist()}
        finished = await self._counter.finished.remote(list(rows))
        await asyncio.gather(*(self._placed(key, **row) for key, row in rows.items() if key not in finished))
        yield batch

    async def _placed(self, key: str, problem_id: str, split: str) -> None:
        async with self._places:
            attempts = await self._rollout(problem_id, split)
        await self._counter.add.remote(key, attempts)

    async def _rollout(self, problem_id: str, split: str) -> list[Attempt]:
        problem, settings = self._problems[problem_id], self._settings
        prompt = self._prompts.first(problem)
        if prompt is None:
            return [self._attempt(problem, split, sample, 0) for sample in range(settings.samples)]
        if settings.allocation is not None:
            return await self._allotted(problem, split, prompt, settings.allocation)
        firsts = await self._sample(problem, split, prompt, range(settings.samples))
        chains = await asyncio.gather(*(self._chain(problem, first) for first in firsts))
        return [attempt for chain in chains for attempt in chain]

    async def _allotted(
        self, problem: Problem, split: str, prompt: str, allocation: AdaptiveAllocation
    ) -> list[Attempt]:
        """One attempt after another, as the policy decides, until one passes."""
        settings = self._settings
        random = np.random.default_rng(
            derive_seed(settings.seed, settings.iteration, split, problem.id, "allocation")
        )
        attempts = await self._sample(problem, split, prompt, [0])
        while not attempts[-1].passed and (possible := self._possible(attempts[-1])):
            history = [attempt.step for attempt in attempts if attempt.made]
            action = allocation.decide(history, possible, random)
            if action == "stop":
                break
            if action == "repair":
                attempts.append(await self._repair(problem, attempts[-1]))
            else:
                attempts += await self._sample(problem, split, prompt, [attempts[-1].sample + 1])
        return attempts

    def _possible(self, last: Attempt) -> list[Arm]:
        """What can be done after an attempt."""
        possible: list[Arm] = ["sample"] if last.sample + 1 < self._settings.samples else []
        if last.made and last.round < self._settings.repair_rounds:
            possible.append("repair")
        return possible

    async def _sample(
        self, problem: Problem, split: str, prompt: str, samples: Sequence[int]
    ) -> list[Attempt]:
        """First attempts with these numbers."""
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
        """A first attempt and its repairs: of the latest program until one passes or the rounds are up."""
        chain = [first]
        while chain[-1].made and not chain[-1].passed and len(chain) <= self._settings.repair_rounds:
            chain.append(await self._repair(problem, chain[-1]))
        return chain

    async def _repair(self, problem: Problem, last: Attempt) -> Attempt:
        """The repair of a failing attempt; skipped when its prompt does not fit."""
        number = last.round + 1
        attempt = self._attempt(problem, last.split, last.sample, number, parent=last.attempt_id)
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
        # A chat's answer ends by itself, and may begin as a stop string does: with a fence and "\ndef".
        stop = self._prompts.template(problem).stop if self._continues else ()
        params = self._settings.params.model_copy(update={"stop": stop})
        request = GenerationRequest(prompt=prompt, seeds=tuple(seeds), params=params, tag=tag)
        [result] = await self._generation.call("generate", [request], self._settings.weights)
        answer: GenerationResult = result
        return answer

    async def _judge(
        self, problem: Problem, completions: Sequence[Completion], programs: Sequence[str]
    ) -> list[Verdict]:
        """Verdicts in the completions' order; what the engine did not answer is no wrong program."""
        given = [program for each, program in zip(completions, programs, strict=True) if not each.is_missing]
        verdicts = iter(await self._verify(problem, given) if given else ())
        return [NO_ANSWER if each.is_missing else next(verdicts) for each in completions]

    async def _verify(self, problem: Problem, programs: Sequence[str]) -> list[Verdict]:
        """Verdicts in the programs' order; programs that kill their sandbox are a verdict, not a failure."""
        try:
            verdicts: list[Verdict] = await self._execution.call(
                "verify", self._references, problem.id, programs
            )
        except ReplicaFailure as error:
            verdicts = [Verdict(status="sandbox_error", message=str(error)) for _ in programs]
        self._unjudged.update(each.message for each in verdicts if each.status == "sandbox_error")
        require_verdicts(self._unjudged, self._most)  # as soon as that is certain: generation may take hours
        return verdicts

    def _seed(self, problem: Problem, split: str, sample: int, number: int) -> int:
        settings = self._settings
        return derive_seed(settings.seed, settings.iteration, split, problem.id, number, sample)

    def _attempt(
        self, problem: Problem, split: str, sample: int, number: int, parent: str | None = None
    ) -> Attempt:
        """An attempt without an answer: what is left of it when no prompt fits the budget."""
        return Attempt(
            attempt_id=f"{split}/{problem.id}/{sample}/{number}",
            parent_id=parent,
            iteration=self._settings.iteration,
            split=split,
            problem_id=problem.id,
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
            **dict(verdict),
        }
    )
