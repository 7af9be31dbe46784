"""Defects4J (Just et al. 2014): bugs of Java projects, in a clone of github.com/rjust/defects4j.

For each project in `framework/projects` these are read: `active-bugs.csv` (id, commits, report), `trigger_tests/ID`
(the failing tests, with stack traces) and `patches/ID.src.patch`, from the fixed to the buggy version. The harness is
the command `defects4j`: `checkout -p Lang -v 1b`, `compile` and `test`, which writes the failing tests to
`failing_tests` (`framework/bin/d4j/d4j-test`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rayboot.errors import UserError
from rayboot.problems.repository.patch import reversed_patch
from rayboot.problems.repository.tasks import Outcome, Prediction, RepositoryTask, Status

_FRAMES = 3
"""Maximum number of stack trace lines of the project's own code in a statement."""
_COLUMNS = {"bug.id": "BugID", "revision.id.buggy": "BuggyCommit", "report.url": "IssueURL"}
"""Names of the columns in `active-bugs.csv`, and their names in Defects4J 1."""


def load(path: Path) -> list[RepositoryTask]:
    """Return all active bugs of a clone, of its `framework/projects`, or of one project there.

    Raise UserError if the path is none of these, or a bug's files are missing.
    """
    for root in (path, path / "framework" / "projects"):
        tables = sorted([*root.glob("active-bugs.csv"), *root.glob("*/active-bugs.csv")])
        if tables:
            return [task for table in tables for task in _project(table)]
    raise UserError(f"{path}: expected a clone of Defects4J, with framework/projects/PROJECT/active-bugs.csv")


def write_patches(folder: Path, predictions: Iterable[Prediction]) -> None:
    """Write a file `ID.patch` for each bug, for `git apply` in a checkout of the buggy version. Skip empty patches."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in predictions:
        if each.patch:
            (folder / f"{each.task_id}.patch").write_text(each.patch, encoding="utf-8")


def read_results(folder: Path, tasks: Sequence[RepositoryTask]) -> list[Outcome]:
    """Return the outcome of each bug, from the file `failing_tests` of `defects4j test`.

    The file is `folder/ID/failing_tests` or `folder/ID`. A bug is repaired if no test fails. The command empties the
    file before it runs: keep it only if the command succeeded. A bug without a file has not been run.
    """
    return [Outcome(task_id=task.id, status=_status(folder / task.id)) for task in tasks]


def failing_tests(text: str) -> list[str]:
    """Return the tests that a file `failing_tests` lists: `CLASS::METHOD`, or `CLASS` if the whole class failed."""
    return re.findall(r"^--- (\S+)", text, re.MULTILINE)


def _status(path: Path) -> Status:
    for file in (path / "failing_tests", path):
        if file.is_file():
            return "unresolved" if failing_tests(_read(file)) else "resolved"
    return "not_run"


def _project(table: Path) -> Iterator[RepositoryTask]:
    folder = table.parent
    for row in csv.DictReader(_read(table).splitlines()):
        bug, commit, report = (row.get(new) or row.get(old) or "" for new, old in _COLUMNS.items())
        if not bug or not commit:
            raise UserError(f"{table}: expected the columns {', '.join(_COLUMNS)}, not {', '.join(row)}")
        failures = _read(folder / "trigger_tests" / bug)
        yield RepositoryTask(
            id=f"{folder.name}-{bug}",
            benchmark="defects4j",
            repository=folder.name,
            base_commit=commit,
            language="java",
            statement=_statement(failures, report),
            failing_tests=tuple(failing_tests(failures)),
            reference_patch=reversed_patch(_read(folder / "patches" / f"{bug}.src.patch")),
        )


def _statement(failures: str, report: str) -> str:
    """Return the failing tests, each with its message and the first stack trace lines of the project's own code."""
    statement_lines: list[str] = []
    package, frames = "", 0
    for line in failures.splitlines():
        if line.startswith("--- "):
            package, frames = ".".join(line[4:].partition("::")[0].split(".")[:-1][:3]), 0
            statement_lines.append(line[4:])
        elif not re.match(r"\s*at ", line):
            statement_lines.append(f"    {line}".rstrip())
        elif package in line and frames < _FRAMES:
            frames += 1
            statement_lines.append(f"    {line.strip()}")
    source = [f"Report: {report}"] if report.startswith("http") else []
    return "\n".join(["These tests fail:", *statement_lines, *source])


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")  # keep line ends: a patch has those of its files
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
