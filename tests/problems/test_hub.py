"""Data sets of the hub, read by the real library from local clones; and messages without the hub."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rayboot.errors import UserError
from rayboot.problems import load_problems
from rayboot.problems.hub import HubDataset, load_hub, parse_location
from rayboot.problems.humanevalpack import load as load_humanevalpack

pytest.importorskip("datasets")

MBPP = {
    "task_id": 11,
    "text": "Double it.",
    "code": "def f(x):\r\n    return 2 * x",
    "test_list": ["assert f(1) == 2"],
    "test_setup_code": "",
    "challenge_test_list": [],
}
SANITIZED = {
    "source_file": "Benchmark Questions Verification V2.ipynb",
    "task_id": 602,
    "prompt": "Double it.",
    "code": "def f(x):\n    return 2 * x",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(f(1), 2)"],
}
APPS = {
    "problem_id": 7,
    "question": "Print the number.",
    "solutions": json.dumps(["print(input())"]),
    "input_output": json.dumps({"inputs": ["1\n"], "outputs": ["1\n"]}),
    "difficulty": "interview",
    "url": "",
    "starter_code": "",
}
PACK = {
    "task_id": "Python/0",
    "prompt": "def f(x):\n",
    "docstring": "Double it.",
    "canonical_solution": "    return 2 * x\n",
    "buggy_solution": "    return 3 * x\n",
    "test": "def check(f):\n    assert f(1) == 2\n\ncheck(f)",
    "entry_point": "f",
}


@pytest.fixture(autouse=True)
def separate_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a separate cache, and a hub that is unreachable."""
    import datasets
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")


def clone(folder: Path, configs: dict[str, dict[str, list[dict[str, Any]]]], form: str = "parquet") -> Path:
    """Write a data set's folder as on the hub: rows by config and split, and a README with their paths."""
    lines = ["---", "configs:"]
    for config, splits in configs.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split, rows in splits.items():
            name = f"{config}/{split}-00000-of-00001.{form}"
            write(folder / name, rows)
            lines += [f"  - split: {split}", f"    path: {name}"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]))
    return folder


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


OWN = HubDataset(repository="owner/own", config="usual", splits=("test",))


@pytest.mark.parametrize(
    ("location", "dataset", "split"),
    [
        ("hub", OWN, ""),
        ("hub/train", OWN, "train"),
        ("hub:owner/own/train", OWN, "train"),
        ("hub:owner/own:other", OWN.model_copy(update={"config": "other"}), ""),
        ("hub:owner/name", HubDataset(repository="owner/name"), ""),
        ("hub:owner/name/v0.1.4", HubDataset(repository="owner/name"), "v0.1.4"),
        ("hub:owner/name:full/train", HubDataset(repository="owner/name", config="full"), "train"),
        ("hub:name", HubDataset(repository="name"), ""),
    ],
)
def test_a_spec_names_data_set_config_and_split(location: str, dataset: HubDataset, split: str) -> None:
    assert parse_location(location, OWN) == (dataset, split)


def test_mbpps_configs_and_splits_are_read_as_its_files_are(tmp_path: Path) -> None:
    configs = {
        "full": {"test": [MBPP], "train": [MBPP | {"task_id": 700}]},
        "sanitized": {"train": [SANITIZED]},
    }
    folder = clone(tmp_path / "mbpp", configs)
    full = load_problems(f"mbpp:hub:{folder}:full")
    assert [(problem.id, problem.split) for problem in full] == [("MBPP/11", "test"), ("MBPP/700", "train")]
    assert load_problems(f"mbpp:hub:{folder}:full/train") == full[1:]
    (sanitized,) = load_problems(f"mbpp:hub:{folder}:sanitized/train")
    assert (sanitized.statement, sanitized.setup_code) == ("Double it.", "import math\n")
    write(tmp_path / "mbpp.jsonl", [MBPP])
    assert load_problems(f"mbpp:{tmp_path / 'mbpp.jsonl'}") == full[:1]


def test_a_data_set_of_one_config_needs_none_in_the_spec(tmp_path: Path) -> None:
    folder = clone(tmp_path / "apps", {"all": {"train": [APPS], "test": [APPS]}}, form="jsonl")
    problems = load_problems(f"apps:hub:{folder}")
    assert [(problem.id, problem.split) for problem in problems] == [
        ("APPS/train/7", "train"),
        ("APPS/test/7", "test"),
    ]
    assert load_problems(f"apps:hub:{folder}/test") == problems[1:]


def test_a_repository_with_a_loading_script_is_read_by_its_data_files(tmp_path: Path) -> None:
    folder = tmp_path / "humanevalpack"
    write(folder / "data" / "python" / "data" / "humanevalpack.jsonl", [PACK])
    (folder / "humanevalpack.py").write_text("raise RuntimeError('never run')\n")
    dataset = HubDataset(
        repository=str(folder),
        config="python",
        files="{repository}/data/{config}/data/humanevalpack.jsonl",
    )
    (problem,) = load_hub(dataset, "test", load_humanevalpack)
    assert problem.buggy_code == "def f(x):\n    return 3 * x\n"


def test_the_same_id_in_two_splits_is_an_error(tmp_path: Path) -> None:
    folder = clone(tmp_path / "versions", {"default": {"v1": [MBPP], "v2": [MBPP]}})
    with pytest.raises(UserError, match="MBPP/11 is in more than one split; name one"):
        load_problems(f"mbpp:hub:{folder}")
    assert len(load_problems(f"mbpp:hub:{folder}/v2")) == 1


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (":other", "'other' not found"),
        (":full/dev", "there is no split dev; those that exist are test"),
        (
            ":bad",
            "mbpp test.parquet row 2: the field code is missing",
        ),
    ],
)
def test_errors_in_a_data_set_name_the_spec(tmp_path: Path, where: str, message: str) -> None:
    broken = {key: value for key, value in MBPP.items() if key != "code"} | {"task_id": 12}
    folder = clone(tmp_path / "mbpp", {"full": {"test": [MBPP]}, "bad": {"test": [MBPP, broken]}})
    with pytest.raises(UserError, match=message) as error:
        load_problems(f"mbpp:hub:{folder}{where}")
    assert str(error.value).startswith(f"mbpp:hub:{folder}{where}: ")
    assert "mbpp:PATH, where PATH is MBPP's mbpp.jsonl or sanitized-mbpp.json" in str(error.value)


@pytest.mark.parametrize(
    ("spec", "repository"),
    [
        ("mbpp:hub/train", "google-research-datasets/mbpp"),
        ("apps:hub/test", "codeparrot/apps"),
        ("humaneval:hub", "openai/openai_humaneval"),
        ("humaneval:hub:evalplus/humanevalplus/test", "evalplus/humanevalplus"),
    ],
)
def test_without_the_hub_the_file_to_give_is_named_at_once(spec: str, repository: str) -> None:
    started = time.monotonic()
    with pytest.raises(UserError, match=rf"{spec}: .*{repository}.*\n.*{spec.partition(':')[0]}:PATH, where"):
        load_problems(spec)
    assert time.monotonic() - started < 30


def test_without_the_package_the_one_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'rayboot\[hub\]'\n.*bigcodebench:PATH"):
        load_problems("bigcodebench:hub")


def test_a_benchmark_that_is_not_on_the_hub_is_an_error() -> None:
    with pytest.raises(
        UserError, match="quixbugs is not on the hub; write quixbugs:PATH, where PATH is a clone"
    ):
        load_problems("quixbugs:hub")
