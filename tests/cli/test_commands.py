"""The commands as a user types them: output, files and exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rayboot.cli.app import app
from rayboot.errors import UserError

PROBLEM = {
    "id": "own/1",
    "benchmark": "own",
    "statement": "Write a function to double a number.",
    "entry_point": "double",
    "tests": [{"kind": "assert", "code": "assert double(2) == 4", "public": True}],
    "references": ["def double(x):\n    return 2 * x"],
}


def rayboot(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rayboot", *map(str, arguments)]
    environment = {**os.environ, "RAY_ADDRESS": "local"}  # not a cluster that another test has started
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(PROBLEM) + "\n" + json.dumps({**PROBLEM, "id": "own/2"}) + "\n")
    return path


def test_the_command_line_starts_without_importing_ray_or_pyarrow() -> None:
    script = "import sys, rayboot.cli.app; print({'ray', 'pyarrow', 'numpy', 'torch'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "set()"


def test_verify_prints_pass_at_k_and_writes_one_line_per_row_in_order(problems: Path, tmp_path: Path) -> None:
    solutions = tmp_path / "solutions.jsonl"
    rows = [
        {"task_id": "own/2", "solution": "def double(x): return x + x", "model": "ignored"},
        {"task_id": "own/1", "solution": "def double(x): return x"},
        {"task_id": 1, "solution": "def double(x): raise ValueError('no')"},
        {"task_id": "own/2", "solution": "def double(x) return x"},
    ]
    solutions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = rayboot("verify", solutions, "--problems", f"jsonl:{problems}", "--out", tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["task_id"], row["index"], row["status"]) for row in out] == [
        ("own/2", 0, "passed"),
        ("own/1", 1, "failed"),
        (1, 2, "error"),
        ("own/2", 3, "syntax_error"),
    ]
    assert (out[2]["error_type"], out[2]["message"]) == ("ValueError", "no")
    assert all(row["seconds"] >= 0 for row in out)
    assert "pass@1" in done.stdout
    assert "0.2500" in done.stdout


def test_verify_names_problems_without_a_row_and_the_number_of_problems_in_pass_at_k(
    problems: Path, tmp_path: Path
) -> None:
    solutions = tmp_path / "solutions.jsonl"
    answer = "Sure:\n```python\ndef double(x):\n    return 2 * x\n```"
    solutions.write_text(json.dumps({"task_id": "own/1", "solution": answer}) + "\n")
    command = ("verify", solutions, "--problems", f"jsonl:{problems}")
    plain = rayboot(*command).stdout
    assert "pass@1 (1 of 2 problems)" in plain
    assert "1 of 2 problems have no row; --missing fail counts them as failed: own/2" in plain
    assert "--extract extracts the programs" in plain
    extracted = rayboot(*command, "--extract", "--missing", "fail").stdout
    assert "pass@1 " in extracted
    assert "0.5000" in extracted
    assert "--extract" not in extracted


def test_problems_check_runs_the_references_and_fails_if_one_fails(problems: Path) -> None:
    good = rayboot("problems", "check", f"jsonl:{problems}")
    assert good.returncode == 0
    assert "2 of 2 references pass" in good.stdout
    problems.write_text(json.dumps({**PROBLEM, "references": ["def double(x):\n    return x"]}) + "\n")
    bad = rayboot("problems", "check", f"jsonl:{problems}")
    assert bad.returncode == 1
    assert "own/1: failed" in bad.stdout


def test_problems_show_prints_one_problem_as_json(problems: Path) -> None:
    shown = rayboot("problems", "show", f"jsonl:{problems}", "2")
    assert json.loads(shown.stdout)["id"] == "own/2"


def test_dry_run_prints_the_resolved_recipe_and_its_resources() -> None:
    shown = rayboot("run", "quickstart", "training.workers=2", "--dry-run")
    assert shown.returncode == 0
    assert "workers: 2" in shown.stdout
    assert "# requests from Ray: CPU 8.0, GPU 0.0" in shown.stdout


def test_a_user_error_is_printed_in_one_line_with_exit_code_2(tmp_path: Path) -> None:
    done = rayboot("run", "nowhere.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("rayboot: nowhere.yaml: the recipe cannot be read")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "quickstart", "trainig.lr=1"), "trainig: unknown key; did you mean training?"),
        (("run", "quickstart", "problems.train=mbpp:nowhere.jsonl"), "nowhere.jsonl"),
        (("run", "quickstart", "problems.train=mpbb:x"), "mbpp"),
        (("run", "quickstart", "problems.test=quickstart/train"), "share 400 problems"),
        (("run", "quickstart", "policy.model=./nowhere"), "nowhere"),
        (("evaluate", "quickstart", "--dataset", "quickstart/exam"), "exam"),
        (("verify", "nowhere.jsonl", "--problems", "quickstart"), "nowhere.jsonl"),
        (("problems", "show", "quickstart", "none"), "has no problem none"),
        (("verify", "x", "--problems", "quickstart", "--k", "0"), "--k 0"),
        (("verify", "x", "--problems", "quickstart", "--out", "no/out.jsonl"), "there is no folder"),
        (("verify", "x", "--problems", "quickstart", "--out", "."), "is a folder: give the name of a file"),
        (("verify", __file__, "--problems", "quickstart", "--out", __file__), "is the solutions file"),
        (
            ("problems", "check", "quickstart", "--timeout", "-1"),
            "--timeout -1: give a number of seconds above 0",
        ),
        (("problems", "check", "quickstart", "--workers", "10000"), "workers, not 10000"),
        (("evaluate", "quickstart", "--dataset", "quickstart", "--out", "/dev/null/x"), "is a file, not"),
    ],
)
def test_a_user_error_names_what_is_wrong(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=re.escape(message)):
        app(arguments, standalone_mode=False)
    assert not (tmp_path / "runs").exists()


def test_a_model_directory_without_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(UserError, match="has no tokenizer"):
        app(["run", "quickstart", f"policy.model={tmp_path}/model"], standalone_mode=False)


def test_doctor_names_the_sandbox_tier_and_the_engines() -> None:
    done = rayboot("doctor")
    assert "tier" in done.stdout
    assert "transformers" in done.stdout
    assert done.returncode in (0, 1)
