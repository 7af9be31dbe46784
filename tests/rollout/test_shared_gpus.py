"""Where replicas and training workers share GPUs, Ray places one of each on every GPU."""

from __future__ import annotations

from pathlib import Path

import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from support.ray_cluster import __ray_call__

from rayboot.config import GenerationConfig, load_recipe
from rayboot.pools.replica import GenerationReplica, start_generation_pool
from rayboot.training.fit import worker_resources

RECIPE = Path(__file__).parents[2] / "jobs/drboot_7b.yaml"


@ray.remote(num_cpus=0)
def gpus() -> list[int]:
    return [int(gpu) for gpu in ray.get_gpu_ids()]


def test_each_gpu_has_one_replica_and_one_worker(ray_session: None, tmp_path: Path) -> None:
    every = list(range(int(ray.cluster_resources()["GPU"])))
    recipe = load_recipe(
        RECIPE,
        [
            f"generation.replicas={len(every)}",
            f"training.workers={len(every)}",
            f"training.batch_size={4 * len(every)}",
        ],
    )
    recording = tmp_path / "recording.jsonl"
    recording.write_text('{"completions": ["pass"]}\n')
    engines = GenerationConfig(
        engine="recorded",
        recording=str(recording),
        cpus=0.1,
        **recipe.generation.model_dump(include={"replicas", "gpus"}),
    )
    pool = start_generation_pool(engines, "")
    pool.broadcast(GenerationReplica.ping)
    assert sorted(pool.broadcast(__ray_call__, lambda engine: ray.get_gpu_ids())) == [[gpu] for gpu in every]

    share = {"GPU": worker_resources(recipe.training)["GPU"]}
    for _ in ("first refit", "second refit"):
        group = placement_group([share] * len(every))  # as Ray Train creates it
        ray.get(group.ready())
        strategies = [
            PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=gpu) for gpu in every
        ]
        workers = [
            gpus.options(num_gpus=share["GPU"], scheduling_strategy=strategy).remote()
            for strategy in strategies
        ]
        assert sorted(ray.get(workers)) == [[gpu] for gpu in every]
        remove_placement_group(group)
    pool.shutdown()
