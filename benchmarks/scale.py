"""How the pools, the Ray Data stream and curation grow: with simulated replicas, and to a million attempts.

    python benchmarks/scale.py replicas --out replicas.json --plot replicas.svg
    python benchmarks/scale.py attempts --out attempts.json --plot attempts.svg

Both run a rollout as a run does it, but for its engine: `recorded`, whose completions take a lognormal time, as many
at once as a replica's batch holds. A simulated replica needs no hardware, so its number is bounded by what the
machine does beside: Ray, the stream, the sandboxes.

- replicas: 1, 2, 4 ... replicas, each with the same work. Efficiency is the throughput of so many, compared with so
  many times that of one. Programs run in real sandboxes.
- attempts: 10,000, 100,000 ... attempts, and their curation, with the driver's memory and the object store's. Verdicts
  come from a stand-in for the sandbox (`--sandbox` takes the real one), so that a million take no day.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import ray
from figures import machine

from rayboot.config import CurationConfig, GenerationConfig, RolloutConfig, SandboxConfig
from rayboot.curation import CurationJob, build_training_set
from rayboot.engines import SamplingParams
from rayboot.pools.actor_pool import ActorPool, PoolActor
from rayboot.pools.cluster import connected
from rayboot.pools.executor import start_execution_pool
from rayboot.pools.replica import Weights, start_generation_pool
from rayboot.problems import Problem, load_problems
from rayboot.rollout import Plans, PromptSource, RolloutSettings, stream_rollout
from rayboot.sandbox.verdict import Verdict
from rayboot.storage import Storage

SAMPLED_EVERY = 0.5
"""Seconds between looks at the memory."""


class Bench:
    """Pools of one size, and rollouts through them."""

    def __init__(self, options: argparse.Namespace, replicas: int, problems: int, folder: str) -> None:
        packaged = load_problems("quickstart/train")
        copies = [
            packaged[number % len(packaged)].model_copy(update={"id": f"problem/{number}"})
            for number in range(problems)
        ]
        recording = Path(folder, "recording.jsonl")
        recording.write_text(json.dumps({"completions": answers(packaged)}) + "\n")
        generation = GenerationConfig(
            engine="recorded",
            recording=str(recording),
            replicas=replicas,
            cpus=0,
            batch_size=options.batch_size,
            latency=options.latency,
            latency_spread=0.5 if options.latency else 0.0,
        )
        self.ids = [problem.id for problem in copies]
        self.prompts = PromptSource(generation, "", 512)
        self.problem_table = ray.put({problem.id: problem for problem in copies})
        self.storage = Storage(folder)
        self._in_flight = max(64, 2 * replicas * options.batch_size // options.samples)
        self._settings = RolloutSettings(
            seed=0,
            iteration=1,
            samples=options.samples,
            repair_rounds=1,
            feedback="full",
            params=SamplingParams(temperature=1.0),
            weights=Weights(checkpoint="", version=0),
        )
        self._plans = Plans()
        self._pools = (
            start_generation_pool(generation, ""),
            start_execution_pool(SandboxConfig(cpus=os.cpu_count() or 1)) if options.sandbox else stand_ins(),
        )
        for pool in self._pools:
            pool.broadcast(PoolActor.ping)

    def rollout(self, problems: int, folder: str) -> float:
        """Seconds of a rollout of the first so many problems into `folder`."""
        self.storage.make_folder(folder)
        began = time.perf_counter()
        plan = partial(
            stream_rollout,
            [(id, "train") for id in self.ids[:problems]],
            self._settings,
            streaming=RolloutConfig(problems_in_flight=self._in_flight),
            prompts=self.prompts,
            problem_table=self.problem_table,
            pools=self._pools,
            storage=self.storage,
            folder=folder,
        )
        self._plans.run("rollout", plan)
        return time.perf_counter() - began

    def curate(self, problems: int, rollout: str, folder: str) -> float:
        """Seconds of the curation of that rollout."""
        job = CurationJob(
            iteration=1,
            seed=0,
            options=CurationConfig(),
            prompts=self.prompts,
            problem_table=self.problem_table,
            storage=self.storage,
            folder=folder,
            rollouts=[rollout],
        )
        began = time.perf_counter()
        build_training_set(self.ids[:problems], job)
        return time.perf_counter() - began

    def attempts(self, folder: str) -> int:
        """Rows of a rollout."""
        import pyarrow.dataset as pads

        rows: int = pads.dataset(self.storage.path(folder), filesystem=self.storage.fs).count_rows()
        return rows

    def close(self) -> None:
        for pool in self._pools:
            pool.shutdown()


def answers(problems: Sequence[Problem]) -> list[str]:
    """What the simulated model says: references, which are right for one problem in so many, and so mostly wrong."""
    return [problem.references[0] for problem in problems]


@ray.remote(num_cpus=0)
class StandIn:
    """In the sandbox's place: a verdict for each program, by its length, at no cost."""

    def ping(self) -> None: ...

    def close(self) -> None: ...

    def verify(self, problems: Sequence[Any], problem_id: str, programs: Sequence[str]) -> list[Verdict]:
        return [
            Verdict(status="passed")
            if len(program) % 3
            else Verdict(status="failed", failing_test=0, call="f(1)", got="2", expected="3")
            for program in programs
        ]


def stand_ins() -> ActorPool:
    return ActorPool([StandIn.remote()])


def by_replicas(options: argparse.Namespace) -> dict[str, Any]:
    """Attempts a second of 1, 2, 4 ... replicas with so many problems each."""
    rows = []
    for replicas in options.replicas:
        problems = replicas * options.problems_per_replica
        with tempfile.TemporaryDirectory() as folder, connected({"CPU": 2.0 + (os.cpu_count() or 1)}):
            bench = Bench(options, replicas, problems, folder)
            bench.rollout(min(problems, 4 * replicas), "warm-up")
            seconds = bench.rollout(problems, "rollout")
            attempts = bench.attempts("rollout")
            bench.close()
        rows.append(
            {"replicas": replicas, "attempts": attempts, "seconds": seconds, "attempts/s": attempts / seconds}
        )
        rows[-1]["efficiency"] = (
            rows[-1]["attempts/s"] / replicas / rows[0]["attempts/s"] * rows[0]["replicas"]
        )
        print(json.dumps(rows[-1]), flush=True)
    return {"rows": rows}


def by_attempts(options: argparse.Namespace) -> dict[str, Any]:
    """Memory while a rollout and its curation grow to so many attempts."""
    rows, series = [], {}
    most = -(-max(options.attempts) // options.samples)
    with tempfile.TemporaryDirectory() as folder, connected({"CPU": 2.0 + (os.cpu_count() or 1)}):
        bench = Bench(options, 4, most, folder)
        bench.rollout(4, "warm-up")
        for wanted in options.attempts:
            problems = -(-wanted // options.samples)
            with watched_memory() as looks:
                seconds = bench.rollout(problems, f"rollout-{wanted}")
                curation = bench.curate(problems, f"rollout-{wanted}", f"training-{wanted}")
            attempts = bench.attempts(f"rollout-{wanted}")
            rows.append(
                {
                    "attempts": attempts,
                    "seconds": seconds,
                    "attempts/s": attempts / seconds,
                    "curation seconds": curation,
                    "driver MiB": max(look["driver MiB"] for look in looks),
                    "object store MiB": max(look["object store MiB"] for look in looks),
                }
            )
            series[wanted] = looks
            print(json.dumps(rows[-1]), flush=True)
        bench.close()
    return {"rows": rows, "series": series}


@contextmanager
def watched_memory() -> Iterator[list[dict[str, float]]]:
    """Collect this process's memory and the object store's, in MiB, while the block runs."""
    looks: list[dict[str, float]] = []
    ended = Event()
    began = time.monotonic()

    def watch() -> None:
        while not ended.wait(SAMPLED_EVERY):
            looks.append({"seconds": time.monotonic() - began, **memory()})

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield looks
    finally:
        ended.set()
        watcher.join()


def memory() -> dict[str, float]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    there, free = (
        resources.get("object_store_memory", 0.0)
        for resources in (ray.cluster_resources(), ray.available_resources())
    )
    return {
        "driver MiB": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "object store MiB": (there - free) / 2**20,
    }


def plot_replicas(result: dict[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    replicas = [row["replicas"] for row in result["rows"]]
    first = result["rows"][0]["attempts/s"] / replicas[0]
    axes.plot(replicas, [first * number for number in replicas], "--", color="gray", label="linear")
    axes.plot(replicas, [row["attempts/s"] for row in result["rows"]], "o-", label="measured")
    axes.set(xscale="log", yscale="log", xlabel="simulated replicas", ylabel="attempts/s")
    axes.set_xticks(replicas, map(str, replicas))
    axes.legend()
    figure.savefig(path)


def plot_attempts(result: dict[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 1, figsize=(6, 5), sharex=True, layout="constrained")
    for wanted, looks in result["series"].items():
        for panel, name in zip(panels, ("driver MiB", "object store MiB"), strict=True):
            share = [look["seconds"] / looks[-1]["seconds"] for look in looks]
            panel.plot(share, [look[name] for look in looks], label=f"{int(wanted):,} attempts")
            panel.set(ylabel=name, ylim=(0, None))
    panels[1].set(xlabel="share of the time of rollout and curation")
    panels[0].legend()
    figure.savefig(path)


def main() -> None:
    options = _options()
    run, plot = {"replicas": (by_replicas, plot_replicas), "attempts": (by_attempts, plot_attempts)}[
        options.what
    ]
    result = {
        "machine": machine(),
        "options": {k: v for k, v in vars(options).items() if k not in ("out", "plot")},
    }
    result |= run(options)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    if options.plot:
        plot(result, options.plot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--plot", type=Path, help="draw them, as SVG or PNG")
    commands = parser.add_subparsers(dest="what", required=True)
    replicas = commands.add_parser("replicas", help="throughput by replicas")
    replicas.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    replicas.add_argument("--problems-per-replica", type=int, default=120)
    replicas.add_argument("--samples", type=int, default=1)
    replicas.add_argument(
        "--batch-size", type=int, default=8, help="completions that a replica writes at once"
    )
    replicas.add_argument("--latency", type=float, default=16.0, help="seconds of a completion, on average")
    replicas.set_defaults(sandbox=True)
    attempts = commands.add_parser("attempts", help="memory by attempts")
    attempts.add_argument("--attempts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    attempts.add_argument("--samples", type=int, default=20)
    attempts.add_argument("--sandbox", action="store_true", help="run the programs in real sandboxes")
    attempts.set_defaults(batch_size=1000, latency=0.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
