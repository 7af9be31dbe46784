"""The attempts on a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_runs import Page, make_run

from rayboot.problems import AssertTest, Problem
from rayboot.prompts import PromptBuilder
from rayboot.report import report_runs
from rayboot.report.attempts import repair_feedback, sample_attempts
from rayboot.report.read import read_runs

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\u2028"


def fields(names: list[str], values: list[object]) -> dict[str, object]:
    return dict(zip(names, values, strict=False))


def test_a_chain_has_the_wrong_program_the_feedback_and_the_repair(tmp_path: Path) -> None:
    page = Page(Path(report_runs([str(make_run(tmp_path))])).read_text())
    data = page.attempts
    chain = next(c for c in data["chains"] if c[:4] == [0, 2, "test", "test/6"])
    first, repair = (fields(data["attempt"], attempt) for attempt in chain[-1])
    texts = data["texts"]
    assert texts[chain[5]] == "# Task\nMultiply by 6.\n# Solution\n"
    assert (texts[first["status"]], texts[first["program"]]) == ("failed", "def f(x):\n    return y  # 6")
    assert texts[repair["told"]] == "# Feedback\nIt is wrong.\n# Repair"
    assert (texts[repair["status"]], texts[repair["program"]]) == ("passed", "def f(x):\n    return 6 * x")


def test_texts_of_a_model_are_escaped(tmp_path: Path) -> None:
    page = Page(Path(report_runs([str(make_run(tmp_path, statement=HOSTILE))])).read_text())
    assert page.source.count("<script") == page.source.count("</script>") == 4
    assert "<img" not in page.source
    assert any(HOSTILE.removesuffix("\u2028") in text for text in page.attempts["texts"])
    assert "{{ 7 * 7 }}" in page.text


@pytest.mark.parametrize("budget", [0, 4000, 8000])
def test_a_page_with_a_small_budget_has_whole_problems_and_counts_the_others(
    tmp_path: Path, budget: int
) -> None:
    runs = read_runs([str(make_run(tmp_path))])
    chains = runs[0].chains
    sample = sample_attempts(runs, ["test/7"], budget)
    assert sample.chains + sample.left_out == len(chains)
    kept = [chain[3] for chain in sample.data["chains"]]
    assert kept[:1] == (["test/7"] if budget else [])
    for id in set(kept):
        assert kept.count(id) == sum(chain.problem_id == id for chain in chains)


@pytest.mark.parametrize("benchmark", ["mbpp", "humaneval"])
@pytest.mark.parametrize("length", [1, 60])
def test_the_feedback_in_a_repair_prompt_follows_the_program(benchmark: str, length: int) -> None:
    starter = "def f(x):\n" if benchmark == "humaneval" else ""
    problem = Problem(
        id="p",
        benchmark=benchmark,
        statement="Add.",
        starter_code=starter,
        tests=(AssertTest(code="assert f(1)"),),
    )
    prompts = PromptBuilder(len, 10_000)
    program = "def f(x):\n" + "    x += 1  # once more\n" * length + "    return x"
    first, repair = prompts.first(problem), prompts.repair(problem, program, "It is wrong.")
    assert first is not None
    assert repair is not None
    feedback = repair_feedback(repair, first, program)
    assert feedback.startswith("# Feedback\nIt is wrong.\n# Repair")
