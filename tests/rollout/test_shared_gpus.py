"""Where engines and a refit share GPUs, Ray gives each GPU one of either."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rayboot.config import load_recipe

RECIPE = Path(__file__).parents[2] / "jobs/drboot_7b.yaml"

# Ray counts GPUs as it is told; none has to be there.
PLACES = """
import json, sys
import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from rayboot.config import GenerationConfig, TrainingConfig
from rayboot.rollout import start_generation_pool
from rayboot.training.fit import worker_resources

engines, workers = (json.loads(text) for text in sys.argv[1:])
engines, workers = GenerationConfig(**engines), TrainingConfig(**workers)
ray.init("local", num_cpus=8, num_gpus=engines.replicas, include_dashboard=False, logging_level="error")
pool = start_generation_pool(engines, "")
pool.broadcast("ping")
found = {"engines": pool.broadcast("__ray_call__", lambda engine: ray.get_gpu_ids())}

@ray.remote
def gpus():
    return ray.get_gpu_ids()

for turn in ("first refit", "second refit"):
    resources = worker_resources(workers)
    group = placement_group([resources] * workers.workers)  # as Ray Train makes it
    ray.get(group.ready())
    found[turn] = ray.get([
        gpus.options(
            num_cpus=resources["CPU"],
            num_gpus=resources["GPU"],
            scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index),
        ).remote()
        for index in range(workers.workers)
    ])
    ray.util.remove_placement_group(group)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_each_gpu_has_one_replica_and_one_worker(tmp_path: Path) -> None:
    recording = tmp_path / "recording.jsonl"
    recording.write_text('{"completions": ["pass"]}\n')
    three = ["generation.replicas=3", "training.workers=3", "training.batch_size=12"]
    recipe = load_recipe(RECIPE, three)
    engines = recipe.generation.model_dump(include={"replicas", "gpus"})
    engines |= {"engine": "recorded", "recording": str(recording)}
    workers = recipe.training.model_dump(include={"workers", "gpus_per_worker", "batch_size"})

    command = [sys.executable, "-c", PLACES, json.dumps(engines), json.dumps(workers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for place, gpus in found.items():
        assert sorted(gpus) == [[gpu] for gpu in range(3)], place
