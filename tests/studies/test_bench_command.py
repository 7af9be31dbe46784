"""`rayboot bench sampling-vs-repair` on recorded attempts, and live with a tiny model."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.small_runs import problem
from support.tiny_models import tiny_llama
from synthetic_attempts import synthetic_attempts
from typer.testing import CliRunner

from rayboot.attempts import SCHEMA
from rayboot.cli import display
from rayboot.cli.groups import bench_app
from rayboot.errors import UserError
from rayboot.stages.observer import Silent
from rayboot.studies.recorded import recorded_sources
from rayboot.studies.sampling_vs_repair import CostOptions, SampleOptions, sampling_vs_repair

COMMAND = ["sampling-vs-repair"]


def write_evaluation(folder: Path, rows: list[dict[str, object]], version: int = 0) -> Path:
    folder.mkdir(parents=True)
    attempts = [
        {**dict.fromkeys(SCHEMA.names), "split": "test", "weights_version": version, **row} for row in rows
    ]
    pq.write_table(pa.Table.from_pylist(attempts, schema=SCHEMA), folder / "attempts.parquet")
    Path(f"{folder}.done").write_text(json.dumps({"seconds": 12.5, "publish_seconds": 2.5}))
    return folder


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    repairs = synthetic_attempts(lambda problem, before: 0.5 if before else 0.2, 40, 6, 1)
    write_evaluation(folder / "repair/iterations/00/evaluation", repairs)
    samples = synthetic_attempts(lambda *_: 0.2, 40, 12, 0, seed=1)
    write_evaluation(folder / "sampling/iterations/00/evaluation", samples)
    return folder


def test_recorded_attempts_are_compared_and_the_result_is_printed(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display.console, "file", StringIO())
    options = ["--attempts", recorded, "--input-price", 1, "--output-price", 2, "--out", tmp_path / "out"]
    done = CliRunner().invoke(bench_app, [*COMMAND, *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0
    printed = display.console.file.getvalue()
    assert "repair solves more" in printed
    assert "adaptive against sampling" in printed
    comparison = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert (comparison["problems"], comparison["samples"], comparison["rounds"]) == (40, 6, 1)
    [repair, sampling] = comparison["measured"]
    assert (sampling["attempts"], sampling["completion_tokens"], sampling["seconds"]) == (480, 24_000, 10.0)
    assert sampling["dollars"] == pytest.approx((24_000 + 2 * 24_000) / 1e6)
    assert repair["rounds"] == 1
    assert {result["mix"]["rounds"] for result in comparison["mixes"]} == {1}
    assert all(result["difference"]["p_value"] <= 1 for result in comparison["after_failures"])


def test_attempts_of_policy_and_teacher_are_refused(tmp_path: Path) -> None:
    rows = synthetic_attempts(lambda *_: 0.5, 2, 2, 1)
    for author in ("policy", "teacher"):
        folder = tmp_path / f"iterations/00/{author}"
        write_evaluation(folder, rows)
        for file in folder.glob("*.parquet"):
            columns = pq.read_table(file, partitioning=None).to_pydict()
            pq.write_table(pa.table({**columns, "author": [author] * len(columns["status"])}), file)
    with pytest.raises(UserError, match="several models, policy, teacher: "):
        recorded_sources(str(tmp_path))


def test_attempts_with_different_weights_are_refused(recorded: Path, tmp_path: Path) -> None:
    rows = synthetic_attempts(lambda *_: 0.5, 2, 2, 1)
    for version in (0, 1):
        write_evaluation(tmp_path / f"iterations/0{version}/evaluation", rows, version)
    with pytest.raises(UserError, match=r"several models, with weights 0, 1: .*iterations/01/evaluation"):
        recorded_sources(str(tmp_path))


@pytest.mark.parametrize(
    ("one", "two", "names"),
    [
        ("policy: {model: models/a}", "policy: {model: models/b}", "models/a, models/b"),
        (
            "{policy: {model: t}, generation: {engine: openai, openai: {model: large}}}",
            "{policy: {model: t}, generation: {engine: openai, openai: {model: small}}}",
            "large, small",
        ),
    ],
)
def test_evaluations_of_different_models_are_refused_although_all_have_weights_0(
    tmp_path: Path, one: str, two: str, names: str
) -> None:
    rows = synthetic_attempts(lambda *_: 0.5, 2, 2, 1)
    for name, recipe in (("first", one), ("second", two), ("third", two)):
        write_evaluation(tmp_path / name / "iterations/00/evaluation", rows)
        (tmp_path / name / "recipe.yaml").write_text(recipe)
    with pytest.raises(UserError, match=rf"several models, {names}: .*third/iterations/00/evaluation"):
        recorded_sources(str(tmp_path))
    (tmp_path / "first" / "recipe.yaml").write_text(two)
    assert len(recorded_sources(str(tmp_path))) == 3


def test_a_folder_without_attempts_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["x"]}), tmp_path / "training.parquet")
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match="holds no Parquet files of attempts"):
            recorded_sources(str(folder))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --model and --dataset, or --attempts"),
        (["--model", "m"], "give --model and --dataset, or --attempts"),
        (["--attempts", "a", "--model", "m"], "leave out the model and its options"),
        (["--attempts", "a", "--samples", "4"], "leave out the model and its options"),
        (["--attempts", "a", "--equal", "dollars"], "needs a price list"),
        (["--attempts", "a", "--out", "."], "exists: give a new folder to --out"),
        (["--model", "m", "--dataset", "d", "--repair-rounds", "0"], "leaves nothing to compare"),
    ],
)
def test_missing_options_and_those_without_an_effect_are_refused(options: list[str], message: str) -> None:
    result = CliRunner().invoke(bench_app, [*COMMAND, *options])
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)


@pytest.mark.long
def test_sampling_and_repair_have_equal_cost_with_a_live_model(tmp_path: Path, ray_session: None) -> None:
    tiny_llama(tmp_path / "model")
    problems = tmp_path / "problems.jsonl"
    problems.write_text("".join(json.dumps(problem(number)) + "\n" for number in range(2, 8)))
    options = ["policy.max_prompt_tokens=200", "policy.max_completion_tokens=20", "generation.cpus=0.5"]
    options += ["sandbox.cpus=0.5", "sandbox.timeout=5"]
    comparison = sampling_vs_repair(
        str(tmp_path / "model"),
        f"jsonl:{problems}",
        SampleOptions(samples=3, repair_rounds=1),
        CostOptions(),
        options,
        tmp_path / "out",
        Silent(),
    )
    repair, sampling = comparison.measured
    assert (repair.samples, repair.rounds, sampling.rounds) == (3, 1, 0)
    assert 1.0 <= sampling.tokens / repair.tokens < 1.4
    assert repair.seconds
    assert comparison.problems == 6
    seeds = [
        set(pq.read_table(tmp_path / f"out/{name}/iterations/00/evaluation")["seed"].to_pylist())
        for name in ("repair", "sampling")
    ]
    assert not seeds[0] & seeds[1]
