"""SWE-bench (Jimenez et al. 2024, arXiv 2310.06770): issues of Python repositories; Lite, Verified or full.

Formats are those of github.com/SWE-bench/SWE-bench: predictions in `swebench/harness/utils.py`
(`get_predictions_from_file`), the report of a run in `swebench/harness/reporting.py` (`make_run_report`), and of an
instance in `harness/grading.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import AliasChoices, Field, field_validator

from rayboot.errors import UserError
from rayboot.problems.repository.tasks import Outcome, Prediction, RepositoryTask, Status
from rayboot.problems.rows import RowModel, problems_from_rows


class SweBenchRow(RowModel):
    instance_id: str
    repo: str
    base_commit: str
    problem_statement: str
    patch: str = ""
    text: str = ""
    """A prompt, in the data sets with `oracle` or `bm25` in their names."""
    fail_to_pass: tuple[str, ...] = Field((), validation_alias=AliasChoices("FAIL_TO_PASS", "fail_to_pass"))
    pass_to_pass: tuple[str, ...] = Field((), validation_alias=AliasChoices("PASS_TO_PASS", "pass_to_pass"))

    @field_validator("fail_to_pass", "pass_to_pass", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """Parse a list that is a JSON string, as in some versions."""
        return json.loads(value) if isinstance(value, str) else value


def load(path: Path) -> list[RepositoryTask]:
    """Return all tasks of the file."""
    return problems_from_rows(path, SweBenchRow, to_task)


def to_task(row: SweBenchRow) -> RepositoryTask:
    """Convert a row."""
    return RepositoryTask(
        id=row.instance_id,
        benchmark="swebench",
        repository=row.repo,
        base_commit=row.base_commit,
        language="python",
        statement=row.problem_statement,
        prompt=row.text,
        failing_tests=row.fail_to_pass,
        passing_tests=row.pass_to_pass,
        reference_patch=row.patch,
    )


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write the JSON Lines file for `python -m swebench.harness.run_evaluation --predictions_path PATH`.

    Raise UserError if the name does not end in `.jsonl`, by which the harness recognises the format.
    """
    if path.suffix != ".jsonl":
        raise UserError(f"{path}: SWE-bench's harness needs a file name that ends in .jsonl")
    rows = (
        {"instance_id": each.task_id, "model_name_or_path": each.model, "model_patch": each.patch}
        for each in predictions
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_report(path: Path, tasks: Sequence[RepositoryTask]) -> list[Outcome]:
    """Return the outcome of each task in the harness's report, in the tasks' order.

    `path` is the report of a run, `MODEL.RUN_ID.json`, or a folder of `logs/run_evaluation`, with a `report.json` per
    instance. Raise UserError if there is no such file, or it is not such a report.
    """
    statuses = _run_statuses(path) if path.is_file() else _instance_statuses(path)
    return [Outcome(task_id=task.id, status=statuses.get(task.id, "not_run")) for task in tasks]


def _run_statuses(path: Path) -> dict[str, Status]:
    report = _read_json_object(path)
    if not isinstance(report.get("resolved_ids"), list):
        raise UserError(f"{path}: expected the report of SWE-bench's harness, with the field resolved_ids")
    statuses: dict[str, Status] = {}
    status: Status
    for status in ("error", "unresolved", "empty_patch", "resolved"):
        ids = report.get(f"{status}_ids")
        statuses |= dict.fromkeys(ids if isinstance(ids, list) else (), status)
    return statuses


def _instance_statuses(folder: Path) -> dict[str, Status]:
    statuses: dict[str, Status] = {}
    for path in sorted(folder.rglob("report.json")):
        for task_id, result in _read_json_object(path).items():
            if not isinstance(result, dict) or not isinstance(result.get("resolved"), bool):
                raise UserError(f"{path}: expected the field resolved, true or false, for {task_id}")
            statuses[task_id] = "resolved" if result["resolved"] else "unresolved"
    if not statuses:
        raise UserError(
            f"{folder}: expected the harness's report, or its folder of logs with files report.json"
        )
    return statuses


def _read_json_object(path: Path) -> dict[str, object]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a JSON object")
    return data
