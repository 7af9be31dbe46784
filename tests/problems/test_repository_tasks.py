"""SWE-bench and Defects4J: from tasks to prompts and patches, and from their harnesses' reports to outcomes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rayboot.errors import UserError
from rayboot.problems.repository import Prediction, RepositoryTask, load_tasks, prompt_for
from rayboot.problems.repository.defects4j import read_results, write_patches
from rayboot.problems.repository.swebench import read_report, write_predictions

ROW = {
    "instance_id": "owner__name-1",
    "repo": "owner/name",
    "base_commit": "a" * 40,
    "problem_statement": "It crashes.",
    "patch": "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-1\n+2\n",
}
FULL = ROW | {
    "instance_id": "owner__name-2",
    "test_patch": "",
    "hints_text": "",
    "created_at": "2023-01-01",
    "version": "1.0",
    "environment_setup_commit": "b" * 40,
    "FAIL_TO_PASS": '["t.py::a", "t.py::b"]',
    "PASS_TO_PASS": ["t.py::c"],
    "text": "You will be provided with a partial code base.",
}
BUGGY = "class A {\n    int f() {\n        return 1;\n    }\n}\n"
FIXED = "class A {\n    int f() {\n        // as the report says\n        return 2;\n    }\n}\n"
SRC_PATCH = """diff --git a/src/A.java b/src/A.java
index 1111111..2222222 100644
--- a/src/A.java
+++ b/src/A.java
@@ -1,6 +1,5 @@
 class A {
     int f() {
-        // as the report says
-        return 2;
+        return 1;
     }
 }
"""
TRIGGER = """--- org.example.ATest::testF
junit.framework.AssertionFailedError: expected:<2> but was:<1>
\tat junit.framework.Assert.fail(Assert.java:57)
\tat org.example.A.f(A.java:3)
\tat org.example.ATest.testF(ATest.java:9)
\tat java.lang.reflect.Method.invoke(Method.java:606)
--- org.example.ATest::testG
java.lang.NullPointerException
"""


def swebench(tmp_path: Path, *rows: dict[str, Any]) -> list[RepositoryTask]:
    path = tmp_path / "swebench.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_tasks(f"swebench:{path}")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of Defects4J with two bugs in the current columns, and one in those of Defects4J 1."""
    for project, header, bugs in (
        ("Lang", "bug.id,revision.id.buggy,revision.id.fixed,report.id,report.url", ("1", "3")),
        ("Time", "BugID,BuggyCommit,FixedCommit,IssueID,IssueURL", ("7",)),
    ):
        folder = tmp_path / "framework" / "projects" / project
        (folder / "trigger_tests").mkdir(parents=True)
        (folder / "patches").mkdir()
        rows = [f"{bug},{'c' * 40},{'d' * 40},X-{bug},https://example.org/{bug}" for bug in bugs]
        (folder / "active-bugs.csv").write_text("\n".join([header, *rows, ""]))
        for bug in bugs:
            (folder / "trigger_tests" / bug).write_text(TRIGGER)
            (folder / "patches" / f"{bug}.src.patch").write_text(SRC_PATCH)
    return tmp_path


def test_rows_of_swe_bench_are_tasks_with_or_without_the_columns_of_the_full_version(tmp_path: Path) -> None:
    lite, full = swebench(tmp_path, ROW, FULL)
    assert lite == RepositoryTask(
        id="owner__name-1",
        benchmark="swebench",
        repository="owner/name",
        base_commit="a" * 40,
        language="python",
        statement="It crashes.",
        reference_patch=str(ROW["patch"]),
    )
    assert full.failing_tests == ("t.py::a", "t.py::b")
    assert full.passing_tests == ("t.py::c",)


def test_a_prompt_shows_the_issue_and_the_given_files_but_never_the_patch(tmp_path: Path) -> None:
    lite, full = swebench(tmp_path, ROW, FULL)
    prompt = prompt_for(lite, {"x.py": "1\n"})
    assert "It crashes." in prompt
    assert "[start of x.py]\n1\n[end of x.py]" in prompt
    assert "+2" not in prompt
    assert prompt_for(full) == FULL["text"]


def test_predictions_are_written_as_the_harness_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    write_predictions(path, [Prediction(task_id="owner__name-1", model="m", patch="--- a\n")])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"instance_id": "owner__name-1", "model_name_or_path": "m", "model_patch": "--- a\n"}
    ]
    with pytest.raises(UserError, match=r"ends in \.jsonl"):
        write_predictions(tmp_path / "predictions.txt", [])


def test_the_report_of_a_run_has_the_outcome_of_each_task(tmp_path: Path) -> None:
    ids = [f"owner__name-{number}" for number in range(5)]
    tasks = swebench(tmp_path, *(ROW | {"instance_id": task_id} for task_id in ids))
    report = {
        "total_instances": 5,
        "resolved_ids": ids[:1],
        "unresolved_ids": ids[1:2],
        "empty_patch_ids": ids[2:3],
        "error_ids": ids[3:4],
        "incomplete_ids": ids[4:],
        "schema_version": 2,
    }
    path = tmp_path / "m.run1.json"
    path.write_text(json.dumps(report))
    outcomes = read_report(path, tasks)
    assert [outcome.task_id for outcome in outcomes] == ids
    assert [outcome.status for outcome in outcomes] == [
        "resolved",
        "unresolved",
        "empty_patch",
        "error",
        "not_run",
    ]
    assert [outcome.resolved for outcome in outcomes] == [True, False, False, False, False]


def test_the_reports_of_instances_have_their_outcomes(tmp_path: Path) -> None:
    tasks = swebench(tmp_path, ROW, FULL, ROW | {"instance_id": "owner__name-3"})
    for task, resolved in zip(tasks, (True, False), strict=False):
        folder = tmp_path / "logs" / "run1" / "m" / task.id
        folder.mkdir(parents=True)
        result = {"patch_successfully_applied": True, "resolved": resolved}
        (folder / "report.json").write_text(json.dumps({task.id: result}))
    outcomes = read_report(tmp_path / "logs", tasks)
    assert [outcome.status for outcome in outcomes] == ["resolved", "unresolved", "not_run"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"resolved": 3}', "expected the report of SWE-bench's harness, with the field resolved_ids"),
        ("[1]", "is not a JSON object"),
        ("{", "cannot read"),
        (None, "expected the harness's report, or its folder of logs"),
    ],
)
def test_a_file_that_is_not_a_report_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "report"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_report(path, [])


def test_bugs_of_defects4j_are_tasks_with_the_failing_tests_as_statement(clone: Path) -> None:
    tasks = load_tasks(f"defects4j:{clone}")
    assert [task.id for task in tasks] == ["Lang-1", "Lang-3", "Time-7"]
    assert load_tasks(f"defects4j:{clone / 'framework' / 'projects' / 'Time'}") == tasks[2:]
    assert tasks[0].failing_tests == ("org.example.ATest::testF", "org.example.ATest::testG")
    assert (tasks[2].repository, tasks[2].base_commit, tasks[2].language) == ("Time", "c" * 40, "java")
    assert tasks[0].statement == (
        "These tests fail:\norg.example.ATest::testF\n"
        "    junit.framework.AssertionFailedError: expected:<2> but was:<1>\n"
        "    at org.example.A.f(A.java:3)\n    at org.example.ATest.testF(ATest.java:9)\n"
        "org.example.ATest::testG\n    java.lang.NullPointerException\nReport: https://example.org/1"
    )
    assert "return 2" not in prompt_for(tasks[0], {"src/A.java": BUGGY})


def test_the_reference_patch_of_a_bug_repairs_the_buggy_version(clone: Path, tmp_path: Path) -> None:
    (task, *_) = load_tasks(f"defects4j:{clone}")
    source = tmp_path / "checkout" / "src" / "A.java"
    source.parent.mkdir(parents=True)
    source.write_text(BUGGY)
    write_patches(
        tmp_path / "patches", [Prediction(task_id=task.id, model="developers", patch=task.reference_patch)]
    )
    command = ["git", "apply", str(tmp_path / "patches" / "Lang-1.patch")]
    subprocess.run(command, cwd=source.parents[1], check=True)
    assert source.read_text() == FIXED


def test_a_bug_is_resolved_where_no_test_fails(clone: Path, tmp_path: Path) -> None:
    tasks = load_tasks(f"defects4j:{clone}")
    (tmp_path / "Lang-1").mkdir()
    (tmp_path / "Lang-1" / "failing_tests").write_text("")
    (tmp_path / "Lang-3").write_text(TRIGGER)
    outcomes = read_results(tmp_path, tasks)
    assert [outcome.status for outcome in outcomes] == ["resolved", "unresolved", "not_run"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("defects4j:/no/such", "expected a clone of Defects4J"),
        ("defects4j:hub", "defects4j is not on the hub; write defects4j:PATH, where PATH is a clone"),
        ("swebnch:x", "unknown benchmark 'swebnch': did you mean swebench"),
        ("swebench:", "swebench needs the path of its file: swebench:PATH"),
    ],
)
def test_a_bad_spec_of_tasks_is_explained(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_tasks(spec)


def test_a_bug_whose_files_are_missing_names_them(clone: Path) -> None:
    (clone / "framework" / "projects" / "Lang" / "patches" / "3.src.patch").unlink()
    with pytest.raises(UserError, match=r"cannot read .*Lang/patches/3\.src\.patch"):
        load_tasks(f"defects4j:{clone}")
