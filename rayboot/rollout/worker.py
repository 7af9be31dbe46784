"""Sample, verify, feedback, repair: one problem from its first sample to its last repair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
import ray

from rayboot.generation import Completion, GenerationRequest, GenerationResult, SamplingParams
from rayboot.pool import ActorPool, ReplicaFailure
from rayboot.problems.types import Frozen, Problem
from rayboot.prompts import feedback_text
from rayboot.rollout.attempt import Attempt, attempts_table, derive_seed
from rayboot.rollout.prompting import PromptSource
from rayboot.rollout.replica import Weights
from rayboot.sandbox import Verdict


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
        tally: Any,
    ) -> None:
        """Args:
        settings: What to sample and repair.
        prompts: Tokenizer, budget and few-shot examples.
        problems: ObjectRef of a mapping from id to `Problem`, in a list.
        pools: Of generation replicas and of sandbox executors.
        tally: Handle of the `Tally` that is told of each finished problem.
        """
        self._settings = settings
        self._references = problems
        self._problems: Mapping[str, Problem] = ray.get(problems[0])
        self._prompts = prompts.builder
        self._continues = prompts.continued
        self._generation, self._execution = pools
        self._tally = tally

    async def __call__(self, batch: pa.Table) -> AsyncIterator[pa.Table]:
        """Yield each problem's attempts as one table, as problems finish. Columns in: problem_id, split."""
        rollouts = [self._rollout(row["problem_id"], row["split"]) for row in batch.to_pylist()]
        for rollout in asyncio.as_completed(rollouts):
            attempts = await rollout
            self._tally.add.remote(1)
            yield attempts_table(attempts)

    async def _rollout(self, problem_id: str, split: str) -> list[Attempt]:
        problem, settings = self._problems[problem_id], self._settings
        prompt = self._prompts.first(problem)
        if prompt is None:
            return [self._attempt(problem, split, sample, 0) for sample in range(settings.samples)]
        seeds = [self._seed(problem, split, sample, 0) for sample in range(settings.samples)]
        result = await self._generate(problem, prompt, seeds, tag=f"{split}/{problem.id}/0")
        programs = [self._prompts.program(problem, completion.text) for completion in result.completions]
        verdicts = await self._verify(problem, programs)
        chains = []
        for sample, (completion, verdict) in enumerate(zip(result.completions, verdicts, strict=True)):
            attempt = self._attempt(problem, split, sample, 0)
            first = _answered(attempt, prompt, result, completion, programs[sample], seeds[sample], verdict)
            chains.append(self._repair(problem, first))
        return [attempt for chain in await asyncio.gather(*chains) for attempt in chain]

    async def _repair(self, problem: Problem, first: Attempt) -> list[Attempt]:
        """The chain of a first attempt: repairs of the latest program until one passes or the rounds are up."""
        chain = [first]
        for number in range(1, self._settings.repair_rounds + 1):
            last = chain[-1]
            if last.passed or last.status == "skipped":
                break
            feedback = feedback_text(problem, last.verdict, self._settings.feedback)
            attempt = self._attempt(problem, last.split, last.sample, number, parent=last.attempt_id)
            prompt = self._prompts.repair(problem, last.program, feedback)
            if prompt is not None:
                seed = self._seed(problem, last.split, last.sample, number)
                tag = f"{last.split}/{problem.id}/{number}"
                result = await self._generate(problem, prompt, [seed], tag)
                [completion] = result.completions
                program = self._prompts.program(problem, completion.text)
                [verdict] = await self._verify(problem, [program])
                attempt = _answered(attempt, prompt, result, completion, program, seed, verdict)
            chain.append(attempt)
        return chain

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

    async def _verify(self, problem: Problem, programs: Sequence[str]) -> list[Verdict]:
        """Verdicts in the programs' order; programs that kill their sandbox are a verdict, not a failure."""
        try:
            verdicts: list[Verdict] = await self._execution.call(
                "verify", self._references, problem.id, programs
            )
        except ReplicaFailure as error:
            return [Verdict(status="sandbox_error", message=str(error)) for _ in programs]
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
