"""The examples of extensions in docs/architecture.md work."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import pyarrow as pa
import pytest
from pydantic import Field
from support.small_runs import metrics, small_recipe

from rayboot import algorithms, attempts, engines, problems
from rayboot import metrics as estimates
from rayboot.attempts.chains import Attempts
from rayboot.config import POLICY
from rayboot.engines import GenerationRequest, SamplingParams
from rayboot.metrics.intervals import ratio_interval
from rayboot.problems import rows as problem_rows
from rayboot.rollout import read_attempts
from rayboot.runs.launch import load_splits, run_recipe
from rayboot.sandbox import Sandbox
from rayboot.stages.lab import Lab
from rayboot.stages.observer import Silent
from rayboot.stages.results import StageResult
from rayboot.storage import RunDirectory, Summary

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def shown(heading: str) -> dict[str, Any]:
    """Return the names that the code below a heading of the page defines, given the package's public names."""
    [code] = re.findall(
        rf"^## {heading}$.*?^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    names: dict[str, Any] = {
        "Any": Any,
        "Literal": Literal,
        "Sequence": Sequence,
        "Field": Field,
        "Path": Path,
    }
    for module in (algorithms, attempts, engines, estimates, problems, problem_rows):
        names |= {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    names |= {"Attempts": Attempts, "ratio_interval": ratio_interval, "Lab": Any, "Weights": Any}
    names |= {"StageResult": StageResult, "Summary": Summary, "read_attempts": read_attempts}
    names |= {"json": json, "fmean": fmean}
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), names)
    return names


@pytest.mark.long
def test_an_algorithm(tmp_path: Path, ray_session: None) -> None:
    algorithm = shown("Add an algorithm")["BestOf"](iterations=1)
    recipe = small_recipe(tmp_path).model_copy(update={"algorithm": algorithm})
    with pytest.warns(UserWarning, match="serialized value"):  # the algorithm is not in the registry
        assert run_recipe(recipe, Silent()).rows[-1].iteration == 1
    assert [row["iteration"] for row in metrics(tmp_path / "runs/small")] == [0, 0, 1, 1, 1]


@pytest.mark.long
def test_a_stage(tmp_path: Path, ray_session: None) -> None:
    recipe = small_recipe(tmp_path)
    run = RunDirectory.open(recipe, resume=False, facts={})
    lab = Lab(recipe, run, {POLICY: recipe.policy.model}, load_splits(recipe), Silent(), iteration=1)
    try:
        attempts = lab.rollout(lab.pretrained, "none")
        scored = shown("Add a stage")["score"](lab, "scores", attempts.folder)
    finally:
        lab.close()
    assert scored.mean == fmean(json.loads(run.storage.read_text("iterations/01/scores/scores.json")))


async def test_an_engine() -> None:
    engine = shown("Add an engine")["EchoEngine"]()
    [result] = await engine.generate([GenerationRequest(prompt="x", seeds=(1, 2), params=SamplingParams())])
    assert [completion.text for completion in result.completions] == ["pass", "pass"]


def test_a_data_set(tmp_path: Path) -> None:
    file = tmp_path / "sums.jsonl"
    file.write_text(json.dumps({"id": "sums/1", "terms": [1, 2]}) + "\n")
    [problem] = shown("Add a data set")["load"](file)
    with Sandbox() as sandbox:
        assert sandbox.run(
            "def total(*terms):\n    return sum(terms)", problem.tests, entry_point="total"
        ).passed


def test_a_metric() -> None:
    rate = shown("Add a metric")["timeout_rate"]
    rows = [
        {"problem_id": "a", "sample": sample, "round": 0, "status": status}
        for sample, status in enumerate(["timeout", "passed"])
    ]
    assert rate(pa.Table.from_pylist(rows)).mean == 0.5
