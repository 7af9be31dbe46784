"""The loss of any process at any time: no work is lost, or one message says what failed and why.

The table: (cannot start; dies when idle, in a call, in a broadcast, repeatedly; has no resources; fails) times (engine,
sandbox, helper, rollout worker). Training workers and their helper are tested in tests/training, drivers in
tests/algorithms.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import cloudpickle
from ray.util.placement_group import placement_group, remove_placement_group
from support.own_problems import RIGHT, make_problem
from support.ray_cluster import __ray_call__, ray_processes

from rayboot.attempts import require_verdicts
from rayboot.config import GenerationConfig, SandboxConfig
from rayboot.engines import EngineDied
from rayboot.errors import RaybootError, UserError
from rayboot.pools import actor_pool as pools
from rayboot.pools.actor_pool import ActorPool, PoolActor, ReplicaFailure
from rayboot.pools.executor import start_execution_pool
from rayboot.pools.failures import named
from rayboot.pools.replica import Weights, start_generation_pool
from rayboot.pools.resources import check_fits
from rayboot.rollout import Plans
from rayboot.sandbox.verdict import Verdict

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Ray's processes cannot import it

Start = Callable[[], ActorPool]


@pytest.fixture
def start(request: pytest.FixtureRequest, ray_session: None, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a pool of two engines or sandboxes."""
    recording = tmp_path / "recording.jsonl"
    recording.write_text('{"completions": ["pass"]}\n')
    engines = GenerationConfig(engine="recorded", recording=str(recording), cpus=0.1, replicas=2)
    sandboxes = SandboxConfig(cpus=0.1, executors=2)
    started = []

    def begin() -> ActorPool:
        is_engine = request.param == "engine"
        pool = start_generation_pool(engines, "none") if is_engine else start_execution_pool(sandboxes)
        started.append(pool)
        return pool

    yield begin
    for pool in started:
        pool.shutdown()


both = pytest.mark.parametrize("start", ["engine", "sandbox"], indirect=True)


def pids(pool: ActorPool) -> list[int]:
    return pool.broadcast(__ray_call__, lambda actor: os.getpid())


class DiesOnce:
    """A call that kills the first actor that runs it."""

    def __init__(self, folder: Path) -> None:
        self.note = str(folder / "killed")

    def __call__(self, actor: Any) -> int:
        with suppress(FileExistsError):
            os.close(os.open(self.note, os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()


@both
def test_an_actor_that_dies_when_idle_is_replaced_and_reported(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    pool = start()
    lost, kept = pids(pool)
    os.kill(lost, signal.SIGKILL)
    after = pids(pool)
    assert after[1] == kept
    assert after[0] != lost
    pool.report_lost_actors()
    assert pool.restarts == 1
    assert "was lost and is replaced" in caplog.text


@both
async def test_the_call_of_an_actor_that_dies_is_repeated(start: Start, tmp_path: Path) -> None:
    pool, dies = start(), DiesOnce(tmp_path)
    answers = await asyncio.gather(*(pool.call(__ray_call__, dies) for _ in range(4)))
    assert len(answers) == 4


@both
def test_an_actor_that_dies_in_a_broadcast_is_called_again(start: Start, tmp_path: Path) -> None:
    pool = start()
    assert len(set(pool.broadcast(__ray_call__, DiesOnce(tmp_path)))) == 2


@both
def test_a_poll_has_the_results_of_live_actors(start: Start, tmp_path: Path) -> None:
    pool = start()
    os.kill(pids(pool)[0], signal.SIGKILL)
    assert 1 <= len(pool.poll(PoolActor.ping, seconds=60)) <= 2


@both
def test_a_broadcast_that_kills_every_actor_it_gets_ends(start: Start) -> None:
    with pytest.raises(ReplicaFailure, match=r"__ray_call__ lost its .* times in a row"):
        start().broadcast(__ray_call__, lambda actor: os.kill(os.getpid(), signal.SIGKILL))


NOT_STARTING = {
    "sandbox": (lambda: start_execution_pool(SandboxConfig(cpus=0.1, preload=("nunpy",))), "nunpy"),
    "engine": (
        lambda: start_generation_pool(
            GenerationConfig(engine="recorded", recording="/no/recording", cpus=0.1), "none"
        ),
        "recording /no/recording cannot be read",
    ),
}


@pytest.mark.parametrize("kind", NOT_STARTING)
async def test_an_actor_that_cannot_start_is_an_error_and_not_a_lost_actor(
    ray_session: None, kind: str
) -> None:
    begin, message = NOT_STARTING[kind]
    pool = begin()
    with pytest.raises(UserError, match=message) as in_broadcast:
        pool.broadcast(PoolActor.ping)
    with pytest.raises(UserError, match=message):
        await pool.call(PoolActor.ping)
    assert "\n" not in str(in_broadcast.value)
    pool.shutdown()


@pytest.fixture
def make_pool(ray_session: None) -> Iterator[Callable[..., ActorPool]]:
    """Return a function that starts a pool of a class's actors."""
    import ray

    started = []

    def make(kind: type, count: int, **demand: float) -> ActorPool:
        actor = ray.remote(kind).options(num_cpus=0, max_restarts=-1, resources=demand)
        pool = ActorPool([actor.remote() for _ in range(count)], kind="thing", demand=demand)
        started.append(pool)
        return pool

    yield make
    for pool in started:
        pool.shutdown()


class Thing:
    def ping(self) -> None: ...

    def close(self) -> None: ...


class DiesAsItStarts(Thing):
    def __init__(self) -> None:
        os._exit(1)


def test_an_actor_that_dies_in_every_start_is_an_error(make_pool: Callable[..., ActorPool]) -> None:
    with pytest.raises(RaybootError, match=r"thing .* times in a row.*; the machine may lack memory for it"):
        make_pool(DiesAsItStarts, 1).broadcast(PoolActor.ping)


def test_an_actor_without_resources_is_reported_and_the_others_work(
    make_pool: Callable[..., ActorPool], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pools, "PENDING_SECONDS", 2.0)
    pool = make_pool(Thing, 2, slot=2)
    assert pool.broadcast(PoolActor.ping) == [None]
    assert "a thing waits for resources: no node has 2 slot free (node " in caplog.text


async def test_calls_go_to_actors_that_have_resources(make_pool: Callable[..., ActorPool]) -> None:
    pool = make_pool(Thing, 2, slot=2)
    await asyncio.gather(*(pool.call(PoolActor.ping) for _ in range(4)))


async def test_a_call_without_any_actor_that_has_resources_fails_and_says_why(
    make_pool: Callable[..., ActorPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "REVIVAL_SECONDS", 0.5)
    with pytest.raises(RaybootError, match=r"no thing has answered for 0\.5 s: no node has 3 slot"):
        await make_pool(Thing, 2, slot=3).call(PoolActor.ping)


@pytest.mark.parametrize(
    ("demand", "fitting"), [({"slot": 3.0}, "0"), ({"slot": 1.0}, "2"), ({"slot": 1.0, "GPU": 2.0}, "1")]
)
def test_what_no_node_could_hold_is_refused_at_once(
    ray_session: None, demand: dict[str, float], fitting: str
) -> None:
    with pytest.raises(
        UserError, match=rf"3 things ask for .* fits {fitting} of them \(node .*; ask for less with x"
    ):
        check_fits("things", 3, demand, "x")
    if fitting == "2":
        check_fits("things", 2, demand, "x")


@pytest.mark.parametrize("method", ["publish", "sleep"])
async def test_a_replica_whose_engine_dies_ends_with_it(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    from rayboot.pools import replica

    class DeadEngine:
        version = 0

        async def publish(self, checkpoint: str, version: int) -> None:
            raise EngineDied("vLLM's process is gone")

        async def sleep(self) -> None:
            raise EngineDied("vLLM's process is gone")

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(replica, "create_engine", lambda config, model: DeadEngine())
    monkeypatch.setattr(replica.os, "_exit", leave)
    actor = replica.GenerationReplica(GenerationConfig(), "none")
    with pytest.raises(SystemExit):
        await (actor.publish(Weights(checkpoint="x", version=1)) if method == "publish" else actor.sleep())


def plan_that_dies(note: str, deaths: int, progress: Callable[[int, int], None]) -> str:
    progress(1, 2)
    for number in range(deaths):
        with suppress(FileExistsError):
            os.close(os.open(f"{note}{number}", os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def plan_that_fails(progress: Callable[[int, int], None]) -> None:
    raise ValueError("a remote error")


@pytest.fixture
def plans(ray_session: None) -> Iterator[Plans]:
    plans = Plans()
    yield plans
    plans.close()


def test_a_plan_whose_helper_is_lost_is_run_again(
    plans: Plans, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert plans.run("curation", partial(plan_that_dies, str(tmp_path / "died"), 1)) == "done"
    assert "the helper process of curation was lost; another goes on" in caplog.text


def test_a_plan_that_kills_its_helper_every_time_is_an_error(plans: Plans, tmp_path: Path) -> None:
    with pytest.raises(RaybootError, match="curation lost its helper process 3 times"):
        plans.run("curation", partial(plan_that_dies, str(tmp_path / "died"), 9))


def plan_of_a_task(progress: Callable[[int, int], None]) -> None:
    ray.get(ray.remote(lambda: None).options(num_cpus=1).remote())


def test_a_plan_without_a_free_cpu_is_reported(
    plans: Plans, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rayboot.rollout.plans.PENDING_SECONDS", 1.0)
    group = placement_group([{"CPU": 1.0}] * int(ray.available_resources()["CPU"]))
    ray.get(group.ready(), timeout=60)
    freeing = threading.Timer(10.0, remove_placement_group, [group])
    freeing.start()
    plans.run("curation", plan_of_a_task)
    freeing.join()
    assert "curation waits for resources: no node has 1 CPU free" in caplog.text


def test_the_error_of_a_plan_is_one_line(plans: Plans) -> None:
    with pytest.raises(RaybootError, match=r"^curation failed: ValueError: a remote error$"), named("x"):
        plans.run("curation", plan_that_fails)


@pytest.mark.parametrize(
    ("part", "by"),
    [
        ("RolloutWorker", signal.SIGTERM),
        ("PlanRunner", signal.SIGKILL),
        ("GenerationReplica", signal.SIGKILL),
        ("SandboxExecutor", signal.SIGKILL),
    ],
)
def test_a_rollout_that_loses_a_part_writes_every_problem_once(stream, part: str, by: signal.Signals) -> None:
    problems = [make_problem(number) for number in range(2, 42)]
    answers = {f"train/{p.id}/0": [RIGHT.format(n=number)] for number, p in enumerate(problems, 2)}
    killed: list[int] = []

    def kill_once() -> None:
        if not killed:
            killed.extend(process.pid for process in ray_processes(part))
            for pid in killed:
                os.kill(pid, by)

    streamed = stream(problems, answers, meanwhile=kill_once, in_flight=8, latency=1.0, batch_size=8)
    assert killed
    assert Counter(attempt.problem_id for attempt in streamed.attempts) == Counter(p.id for p in problems)
    assert all(attempt.passed for attempt in streamed.attempts)
    assert all(done <= total for done, total in streamed.progress)
    assert streamed.progress[-1] == (40, 40)
    assert streamed.requests <= 40 + 8 + 8, (
        "more was requested again than the requests in flight and the work of a second"
    )


class BrokenSandbox(Thing):
    def verify(self, problems: Any, problem_id: str, programs: list[str]) -> list[Verdict]:
        return [Verdict(status="sandbox_error", message="perl is\nmissing") for _ in programs]


def test_a_broken_sandbox_fails_the_stage_and_its_problems_are_repeated(
    stream, make_pool: Callable[..., ActorPool]
) -> None:
    problems = [make_problem(number) for number in range(2, 12)]
    answers = {f"train/{p.id}/0": [RIGHT.format(n=number)] for number, p in enumerate(problems, 2)}
    with pytest.raises(RaybootError, match=r"could not judge .* most often because: perl is missing"):
        stream(problems, answers, execution=make_pool(BrokenSandbox, 1))
    assert all(attempt.passed for attempt in stream(problems, answers).attempts)


@pytest.mark.parametrize(
    ("unjudged", "programs", "is_failure"),
    [
        (0, 0, False),
        (1, 1, True),
        (1, 2, False),
        (2, 3, True),
        (2, 4, False),
        (3, 12, True),
        (11, 1000, True),
    ],
)
def test_more_than_a_hundredth_without_a_verdict_is_a_failure(
    unjudged: int, programs: int, is_failure: bool
) -> None:
    reasons = Counter({"a tool is missing": unjudged})
    if not is_failure:
        require_verdicts(reasons, programs)
        return
    with pytest.raises(RaybootError, match=f"could not judge {unjudged} of {programs} programs"):
        require_verdicts(reasons, programs)


@pytest.fixture(autouse=True)
def _log_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "rayboot")
