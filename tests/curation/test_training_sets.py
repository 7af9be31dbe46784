"""Training sets built from rollouts on disk with Ray Data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.dataset as pads
import pytest
import ray
from curation_helpers import PROMPTS, make_attempt, write_rollouts
from support.own_problems import make_problem

from rayboot.attempts import Attempt
from rayboot.config import CurationConfig
from rayboot.curation import Counts, CurationJob, ReplayBuffer, build, build_training_set
from rayboot.storage import Storage

PROBLEMS = [make_problem(number) for number in range(1, 7)]
IDS = [problem.id for problem in PROBLEMS]


def attempts() -> list[Attempt]:
    """Return two iterations with 6 samples per problem: n samples solve problem n with distinct programs, none 6."""
    return [
        make_attempt(
            number,
            iteration,
            "passed" if sample < number % 6 else "failed",
            program=10 * iteration + sample,
            sample=sample,
        )
        for iteration in (1, 2)
        for number in range(1, 7)
        for sample in range(6)
    ]


def make_set(
    folder: Path, ids: list[str] = IDS, seed: int = 0, contaminated: tuple[str, ...] = (), **options: Any
):
    """Build the second iteration's training set; return the rows of each file, and the counts."""
    storage = Storage(str(folder))
    rollouts = write_rollouts(storage, attempts(), 2)
    job = CurationJob(
        iteration=2,
        seed=seed,
        options=CurationConfig.model_validate(options),
        prompts=PROMPTS,
        problem_table=ray.put({problem.id: problem for problem in PROBLEMS}),
        storage=storage,
        folder="set",
        rollouts=rollouts if options.get("replay") is not None else rollouts[1:],
        contaminated=frozenset(contaminated),
    )
    counts = build_training_set(ids, job)
    files = sorted((folder / "set").iterdir())
    assert all(file.suffix == ".parquet" for file in files)
    return [pads.dataset(file).to_table().to_pylist() for file in files], counts


@pytest.fixture(autouse=True)
def _two_problems_a_file(monkeypatch: pytest.MonkeyPatch, ray_session: None) -> None:
    monkeypatch.setattr(build, "PROBLEMS_PER_FILE", 2)


def test_all_earlier_programs_are_replayed_and_counted(tmp_path: Path) -> None:
    files, counts = make_set(tmp_path, replay={})
    assert counts == Counts(examples={"solution": 15, "replay": 15, "reference": 1}, replayed={"1": 15})
    assert [sorted({row["problem_id"] for row in rows}) for rows in files] == [IDS[:2], IDS[2:4], IDS[4:]]


def test_the_training_set_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    options = {"replay": {"strategy": "uniform", "size": 4}, "max_reference_share": 0.5}
    files, counts = make_set(tmp_path / "a", **options)
    assert counts.replayed == {"1": 4}
    assert counts.dropped == {"replay_size": 11}
    (tmp_path / "b/set/candidates").mkdir(parents=True)  # files of a killed run
    (tmp_path / "b/set/candidates/00000.parquet").write_text("half of a file")
    assert make_set(tmp_path / "b", **options) == (files, counts)
    assert make_set(tmp_path / "c", seed=1, **options)[0] != files


def test_the_problems_with_the_lowest_solve_rates_are_replayed_first(tmp_path: Path) -> None:
    files, _ = make_set(tmp_path, replay={"strategy": "hardest", "size": 3})
    old = sorted(row["problem_id"] for rows in files for row in rows if row["iteration"] == 1)
    assert old == ["own/1", "own/2", "own/2"]


def test_contaminated_problems_and_those_outside_the_training_set_give_no_examples(tmp_path: Path) -> None:
    files, counts = make_set(tmp_path, ids=IDS[1:4], contaminated=(IDS[2],), replay={})
    assert {row["problem_id"] for rows in files for row in rows} == {"own/2", "own/4"}
    assert counts.examples == {"solution": 2 + 4, "replay": 2 + 4}
    assert counts.dropped == {"contaminated": 6}


def test_references_beyond_the_maximum_share_are_left_out(tmp_path: Path) -> None:
    _, counts = make_set(tmp_path, ids=[IDS[0], IDS[5]], max_reference_share=0.4)
    assert counts == Counts(examples={"solution": 1}, dropped={"max_reference_share": 1})


def test_the_buffer_locates_the_files_of_a_problem(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    buffer = ReplayBuffer.of(storage, write_rollouts(storage, attempts(), 2))
    first, others = buffer.locate([IDS[:1], IDS[1:]])
    assert (len(first), len(others)) == (2, 10)
    narrowed = ReplayBuffer(storage, first)
    assert narrowed.solve_rates(IDS) == {"own/1": pytest.approx(1 / 6)}
