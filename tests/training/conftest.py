from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from refit_helpers import MakeJob
from support.ray_cluster import start_ray
from support.tiny_models import tiny_llama, tiny_t5

from rayboot.config import TrainingConfig
from rayboot.training import RefitJob, Refitter


def write_examples(folder: Path, numbers: range) -> str:
    """Write a set whose completions can be learned, but not guessed from the prompt alone."""
    folder.mkdir(parents=True)
    pairs = [(f"add {n} and {n + 1}:\n", f"def add(a, b):\n    return {n % 7}\n") for n in numbers]
    table = pa.table(
        {"prompt": [p for p, _ in pairs], "completion": [c for _, c in pairs], "kind": ["x"] * len(pairs)}
    )
    pq.write_table(table, folder / "part-0.parquet")
    return str(folder)


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_llama(tmp_path_factory.mktemp("llama") / "model")


@pytest.fixture(scope="session")
def t5(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_t5(tmp_path_factory.mktemp("t5") / "model")


@pytest.fixture(scope="session")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_examples(tmp_path_factory.mktemp("sets") / "training", range(50))


@pytest.fixture(scope="session")
def validation_set(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_examples(tmp_path_factory.mktemp("sets") / "validation", range(100, 113))


@pytest.fixture(scope="session")
def make_job_in(llama: str, training_set: str, validation_set: str) -> Callable[[Path], MakeJob]:
    """Return a function from a folder to a maker of jobs with their files in it."""

    def in_folder(folder: Path) -> MakeJob:
        def make(name: str = "job", **changes: Any) -> RefitJob:
            fields = {
                "start": llama,
                "training_set": training_set,
                "validation_set": validation_set,
                "output": str(folder / f"{name}-checkpoint"),
                "storage": str(folder / "storage"),
                "name": f"{folder.name}-{name}",
                "seed": 7,
                "max_prompt_tokens": 64,
                "max_completion_tokens": 64,
            }
            return RefitJob.model_validate({**fields, **changes})

        return make

    return in_folder


@pytest.fixture
def make_job(make_job_in: Callable[[Path], MakeJob], tmp_path: Path) -> MakeJob:
    return make_job_in(tmp_path)


BRIEF = TrainingConfig(batch_size=16, epochs=3, lr=3e-3, warmup_ratio=0.2, patience=None)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One Ray for all files, which share the slow starts."""
    start_ray()
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def refitter(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refitter]:
    """One worker that trains with the options of BRIEF."""
    with Refitter(BRIEF, str(tmp_path_factory.mktemp("ray-train"))) as refitter:
        yield refitter
