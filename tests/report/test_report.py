"""The report of runs with any algorithm, finished and unfinished."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from synthetic_runs import Page, make_run

from rayboot.errors import UserError
from rayboot.report import report_runs
from rayboot.report.read import read_run
from rayboot.storage import Storage

ALL = [
    "summary",
    "learning",
    "training-sets",
    "repairs",
    "cost",
    "throughput",
    "hardest",
    "attempts",
    "numbers",
]


def page_of(*runs: Path) -> Page:
    return Page(Path(report_runs([str(run) for run in runs], runs[0].parent / "page.html")).read_text())


def test_the_summary_has_the_setting_the_change_and_the_cost(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path))
    assert "small trains the model models/tiny for 2 iterations on 12 training problems" in page.text
    assert "measures it on 6 validation and 8 test problems" in page.text
    # 2 of 8 test problems before, 6 of 8 after; the change is paired by problem
    assert re.search(r"solved 25\.0% \[[\d.]+, [\d.]+\] of the test problems", page.text)
    assert re.search(
        r"after iteration 2, which validation chose, it solves 75\.0% .*a change of \+50\.0 \[\+\S+, \+\S+\] points",
        page.text,
    )
    assert "4 of its solutions" not in page.text
    assert "All stages together took 2 min 32 s" in page.text


def test_the_page_has_every_section_and_loads_nothing(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path))
    assert page.sections == ALL
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert "http" not in page.source.replace("http-equiv", "")


def test_every_chart_has_a_description_in_words(tmp_path: Path) -> None:
    charts = page_of(make_run(tmp_path)).charts
    assert (
        "Test problems: pass@1 from 25.0% at iteration 0 to 75.0% at iteration 2; repair@1 from" in charts[0]
    )
    assert any("iteration 1: solution 4, repair 3, reference 5" in chart for chart in charts)
    assert any(
        re.search(r"training rollout, iteration 1: .*1 NameError to repaired", chart) for chart in charts
    )
    assert any("Time: iteration 0: evaluation 2.0 s; iteration 1: rollout 3.0 s" in chart for chart in charts)


def test_the_hardest_problems_have_the_lowest_solve_rates(tmp_path: Path) -> None:
    text = page_of(make_run(tmp_path)).text
    measured = text[text.index("Measured problems") : text.index("Training problems 7 of 12")]
    assert "1 of 14 were never solved" in measured  # test/7; the repair of the last iteration solves test/6
    ids = re.findall(r"(?:test|validation)/\d", measured)
    assert ids[:3] == ["test/7", "test/5", "test/6"]
    assert "Multiply by 7." in measured
    assert "# Solution" not in measured


def test_the_summary_of_an_unfinished_run_has_its_progress(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, iterations=1, planned=3))
    assert "It is unfinished: 1 of 3 iterations have been measured, and none has been chosen yet" in page.text
    assert "after iteration 1, the latest, it solves" in page.text
    assert page.sections == ALL


def test_a_run_without_measurements_has_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path, iterations=0, planned=2)
    (run / "metrics.jsonl").unlink()
    shutil.rmtree(run / "iterations")
    page = page_of(run)
    assert "Nothing has been measured yet" in page.text
    assert page.sections == ["summary", "numbers"]


def test_a_run_that_measured_only_the_pretrained_model_has_no_change(tmp_path: Path) -> None:
    text = page_of(make_run(tmp_path, iterations=0, planned=2)).text
    assert "The pretrained model solves 25.0%" in text
    assert "change" not in text


def test_finetuning_has_no_rollouts_and_feedback_none_has_no_repairs(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, "baseline", algorithm="finetune"))
    assert "nothing is sampled" in page.text
    assert not any("training rollout" in chart for chart in page.charts)
    page = page_of(make_run(tmp_path, "plain", feedback="none"))
    assert any(
        re.search(r"training rollout, iteration 1: .*to no repair tried", chart) for chart in page.charts
    )
    assert "In the training rollouts" not in page.text


def test_an_insignificant_change_is_marked(tmp_path: Path) -> None:
    assert "which may be noise" in page_of(make_run(tmp_path, better=0)).text


def test_the_summary_says_that_no_refit_was_better(tmp_path: Path) -> None:
    text = page_of(make_run(tmp_path, better=0, best=0)).text
    assert "of the test problems at the first attempt; no refit did better on validation" in text
    assert "change" not in text


def test_an_old_run_without_attempts_has_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    keys = ("iteration", "split", "pass@1", "repair@1", "problems")
    old = [{key: row[key] for key in keys} for row in rows]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in old))
    for folder in run.glob("iterations/*/*/"):
        shutil.rmtree(folder)
    page = page_of(run)
    assert "solved 25.0% of the test problems" in page.text
    assert "a change of +50.0 points" in page.text
    assert page.sections == ["summary", "learning", "numbers"]


def test_a_single_evaluation_has_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path, iterations=0)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    row = {key: value for key, value in rows[1].items() if key not in ("iteration", "split")}
    (run / "metrics.jsonl").write_text(json.dumps({"model": "m", "dataset": "own/test", **row}) + "\n")
    assert "small measures the model m on own/test. It solves 25.0%" in page_of(run).text


def test_two_runs_are_compared_on_one_page(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "one"), make_run(tmp_path, "two", feedback="simple", better=1)]
    page = page_of(*runs)
    assert "pass@1, test problems: one from 25.0%" in page.charts[0]
    assert "; two from 25.0% at iteration 0 to 50.0% at iteration 2" in page.charts[0]
    assert "against one" in page.text
    assert re.search(r"-25\.0 \[-\S+, [+-]\S+\]", page.text)  # the difference of run two, paired by problem
    assert page.attempts["runs"] == ["one", "two"]


def test_runs_with_the_same_name_are_labelled_by_path(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b")]
    assert page_of(*runs).attempts["runs"] == [str(run) for run in runs]


def test_folders_without_a_run_and_wrong_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run directory: give one that rayboot run has written"):
        report_runs([str(tmp_path)])
    run = str(make_run(tmp_path))
    with pytest.raises(UserError, match="is named twice"):
        report_runs([run, run])
    with pytest.raises(UserError, match="is a folder: give the name of a file"):
        report_runs([run], tmp_path)


def test_the_page_of_one_run_is_written_to_the_run_directory(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert report_runs([str(run)]) == str(run / "report.html")
    assert (run / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_programs_that_pass_public_tests_alone_have_a_chart_and_a_column(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        share = 0.1 * row["iteration"]
        row |= {"public_only": share, "intervals": {"public_only": [share / 2, 2 * share]}}
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = page_of(run)
    [chart] = [chart for chart in page.charts if chart.startswith("Public tests passed, a hidden one failed")]
    assert "test problems from 0.0% at iteration 0 to 20.0% at iteration 2" in chart
    assert "public only" in page.text


def test_a_page_that_cannot_be_written_is_a_user_error(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(UserError, match=r"recipe.yaml cannot be written to: "):
        report_runs([str(run)], run / "recipe.yaml" / "report.html")


@pytest.mark.parametrize(
    "line",
    [
        '{"iteration": 1, "split"',
        '{"iteration": 1, "split": "test", "pass@1": null}',
        '{"step": 1, "loss": 2.0}',
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, line: str) -> None:
    run = make_run(tmp_path)
    rows = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join([*rows[:2], line]))
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 3: not a row"):
        read_run(Storage(str(run)), "small")
