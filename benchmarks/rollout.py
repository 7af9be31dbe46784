"""What a rollout costs beside its engine, and what streaming saves, in one run and on the same prompts.

    python benchmarks/rollout.py --engine vllm --parameters 20000000 --out rollout.json

- engine: all prompts of the rollout, repairs' too, given to the engine at once;
- rayboot: the rollout, as a run does it: Ray Data, a generation replica, a sandbox executor;
- phases: the same work with barriers: all samples, then all verdicts, then all repairs, and so on.

They take turns, each with an empty prefix cache. Token rates count completions. The tests of the packaged problems take
next to no time; `--test-seconds` adds to every program's what other benchmarks' take (APPS' some tenths of a second,
minutes where programs run into the limit), without work for the CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import ray
from figures import machine, ratio
from wide_model import widen

from rayboot.attempts import derive_seed
from rayboot.config import GenerationConfig, RolloutConfig, SandboxConfig
from rayboot.engines import GenerationRequest, SamplingParams
from rayboot.pools.actor_pool import PoolActor
from rayboot.pools.cluster import connected
from rayboot.pools.executor import SandboxExecutor, start_execution_pool
from rayboot.pools.replica import GenerationReplica, Weights, start_generation_pool
from rayboot.problems import Problem, load_problems
from rayboot.prompts import feedback_text
from rayboot.recipes import resolve_model
from rayboot.rollout import Plans, PromptSource, RolloutSettings, read_attempts, stream_rollout
from rayboot.storage import Storage


class Bench:
    """The pools, and the three ways to use them."""

    def __init__(self, options: argparse.Namespace, model: str) -> None:
        self._options = options
        self._problems = [
            slowed(problem, options.test_seconds)
            for problem in load_problems(options.problems)[: options.count]
        ]
        generation = GenerationConfig(
            engine=options.engine, cpus=options.cpus, gpus=options.gpus, batch_size=options.batch_size
        )
        self._prompts = PromptSource(generation, model, options.max_prompt_tokens)
        self._settings = RolloutSettings(
            seed=0,
            iteration=1,
            samples=options.samples,
            repair_rounds=options.repair_rounds,
            feedback="full",
            params=SamplingParams(temperature=options.temperature, max_tokens=options.max_tokens),
            weights=Weights(checkpoint=model, version=0),
        )
        self._problem_table = ray.put({problem.id: problem for problem in self._problems})
        self._plans = Plans()
        self._generation = start_generation_pool(generation, model)
        self._execution = start_execution_pool(
            SandboxConfig(cpus=options.sandbox_cpus, timeout=options.timeout)
        )
        for pool in (self._generation, self._execution):
            pool.broadcast(PoolActor.ping)
        self._attempts: list[dict[str, Any]] = []

    def forget(self) -> None:
        """Empty the engine's prefix cache, as new weights do: these are the same, under the next version."""
        weights = self._settings.weights
        weights = weights.model_copy(update={"version": weights.version + 1})
        self._settings = self._settings.model_copy(update={"weights": weights})
        self._generation.broadcast(GenerationReplica.publish, weights)

    def rayboot(self, problems: int | None = None) -> tuple[float, int]:
        """Seconds and completion tokens of the rollout."""
        with tempfile.TemporaryDirectory() as folder:
            storage = Storage(folder)
            storage.make_folder("rollout")
            started = time.perf_counter()
            plan = partial(
                stream_rollout,
                [(problem.id, "train") for problem in self._problems[:problems]],
                self._settings,
                streaming=RolloutConfig(problems_in_flight=self._options.in_flight),
                prompts=self._prompts,
                problem_table=self._problem_table,
                pools=(self._generation, self._execution),
                storage=storage,
                folder="rollout",
            )
            self._plans.run("rollout", plan)
            seconds = time.perf_counter() - started
            self._attempts = read_attempts(storage, "rollout").to_pylist()
        return seconds, sum(attempt["completion_tokens"] for attempt in self._attempts)

    def engine(self) -> tuple[float, int]:
        """Seconds and completion tokens of the engine alone, on the prompts of the last rollout."""
        stop = self._prompts.builder.template(self._problems[0]).stop
        params = self._settings.params.model_copy(update={"stop": stop})
        requests = [
            GenerationRequest(prompt=attempt["prompt"], seeds=(attempt["seed"],), params=params)
            for attempt in self._attempts
            if attempt["prompt"]
        ]
        started = time.perf_counter()
        [results] = self._generation.broadcast(GenerationReplica.generate, requests, self._settings.weights)
        seconds = time.perf_counter() - started
        return seconds, sum(result.completions[0].tokens for result in results)

    def phases(self) -> tuple[float, int]:
        """Seconds and completion tokens with a barrier after each step."""
        started = time.perf_counter()
        tokens = asyncio.run(self._phases())
        return time.perf_counter() - started, tokens

    async def _phases(self) -> int:
        builder, settings, tokens = self._prompts.builder, self._settings, 0
        pending = [
            (problem, sample, prompt)
            for problem in self._problems
            if (prompt := builder.first(problem)) is not None
            for sample in range(settings.samples)
        ]
        for number in range(settings.repair_rounds + 1):
            results = await asyncio.gather(*(self._complete(*each, number) for each in pending))
            tokens += sum(result.completions[0].tokens for result in results)
            programs = [
                builder.program(problem, result.completions[0].text)
                for (problem, _, _), result in zip(pending, results, strict=True)
            ]
            verdicts = await asyncio.gather(
                *(self._verify(each[0], program) for each, program in zip(pending, programs, strict=True))
            )
            pending = [
                (problem, sample, prompt)
                for (problem, sample, _), program, verdict in zip(pending, programs, verdicts, strict=True)
                if verdict.status != "passed"
                and (
                    prompt := builder.repair(
                        problem, program, feedback_text(problem, verdict, settings.feedback)
                    )
                )
                is not None
            ]
        return tokens

    async def _complete(self, problem: Problem, sample: int, prompt: str, number: int) -> Any:
        stop = self._prompts.builder.template(problem).stop
        seed = derive_seed(0, 1, "train", problem.id, number, sample)
        params = self._settings.params.model_copy(update={"stop": stop})
        request = GenerationRequest(prompt=prompt, seeds=(seed,), params=params)
        [result] = await self._generation.call(GenerationReplica.generate, [request], self._settings.weights)
        return result

    async def _verify(self, problem: Problem, program: str) -> Any:
        [verdict] = await self._execution.call(
            SandboxExecutor.verify, [self._problem_table], problem.id, [program]
        )
        return verdict

    @property
    def outcomes(self) -> dict[str, int]:
        """Attempts of the last rollout by status."""
        statuses = [attempt["status"] for attempt in self._attempts]
        return {status: statuses.count(status) for status in sorted(set(statuses))}

    def close(self) -> None:
        self._generation.shutdown()
        self._execution.shutdown()


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        model, parameters = resolve_model(options.model), None
        if options.parameters:
            parameters = widen(model, Path(folder), options.parameters)
            model = folder
        with connected({"CPU": options.cpus + options.sandbox_cpus + 1, "GPU": options.gpus}):
            bench = Bench(options, model)
            bench.rayboot(problems=min(16, options.count))  # imports, caches
            result = {**facts(options, parameters), **measure(bench, options.repeats)}
            bench.close()
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))


def slowed(problem: Problem, seconds: float) -> Problem:
    """The problem, whose tests take so much longer."""
    wait = f"import time\ntime.sleep({seconds})\n" if seconds else ""
    return problem.model_copy(update={"setup_code": wait + problem.setup_code})


def measure(bench: Bench, repeats: int) -> dict[str, Any]:
    """Median tokens a second of each way, and the medians of the ratios within a repeat."""
    rates: dict[str, list[float]] = {"rayboot": [], "engine": [], "phases": []}
    for _ in range(repeats):
        for name in rates:
            bench.forget()
            seconds, tokens = getattr(bench, name)()
            rates[name].append(tokens / seconds)
    ratios = {f"rayboot / {name}": ratio(rates["rayboot"], rates[name]) for name in ("engine", "phases")}
    return {
        "tokens/s": {name: median(values) for name, values in rates.items()},
        **ratios,
        "attempts": bench.outcomes,
    }


def facts(options: argparse.Namespace, parameters: int | None) -> dict[str, Any]:
    """Where and what was measured."""
    devices = sorted(
        {name for node in ray.nodes() for name in node["Resources"] if "accelerator_type" in name}
    )
    return {
        "machine": {**machine(), "devices": devices},
        "parameters": parameters,
        **{name: value for name, value in vars(options).items() if name not in ("out", "parameters")},
    }


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = ["| | |", "|---|---|"]
    lines += [f"| {name}, tokens/s | {rate:.0f} |" for name, rate in result["tokens/s"].items()]
    lines += [f"| {name} | {result[name]:.2f} |" for name in ("rayboot / engine", "rayboot / phases")]
    return "\n".join([*lines, "", f"attempts: {result['attempts']}"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="vllm", choices=["vllm", "transformers"])
    parser.add_argument("--model", default="quickstart", help="directory, hub name, or quickstart")
    parser.add_argument(
        "--parameters", type=int, help="widen the model to so many, without changing what it says"
    )
    parser.add_argument("--problems", default="quickstart/train", help="SPEC")
    parser.add_argument("--count", type=int, default=200, help="problems")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--repair-rounds", type=int, default=2)
    parser.add_argument("--max-prompt-tokens", type=int, default=384)
    parser.add_argument("--max-tokens", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--in-flight", type=int, default=256, help="problems under way at once")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds for a program")
    parser.add_argument("--test-seconds", type=float, default=0.0, help="added to every program's tests")
    parser.add_argument("--cpus", type=float, default=1.0, help="of the engine")
    parser.add_argument("--sandbox-cpus", type=float, default=1.0, help="programs that run at once")
    parser.add_argument("--gpus", type=float, default=0.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
