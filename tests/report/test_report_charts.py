"""Parts of charts: scales, flows and formatted numbers."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayboot.report.curves import Point, Series, curve_figure
from rayboot.report.outcomes import RunChain, chains, measures
from rayboot.report.repairs import MAX_KINDS, OTHER, REPAIRED, UNTRIED, flow_chart, repair_flow
from rayboot.report.svg import axis, element
from rayboot.report.words import compact, duration, shared_start


def chain(*statuses: str, errors: tuple[str, ...] = (), number: int = 0) -> RunChain:
    return RunChain(1, "train", f"p/{number}", 0, statuses, errors or ("",) * len(statuses))


@settings(deadline=None)
@given(st.floats(0, 1e6), st.floats(1e-3, 1e6))
def test_an_axis_contains_its_values(low: float, span: float) -> None:
    scale = axis(low, low + span, 0, 100)
    assert scale.low <= low + 1e-6 * span
    assert scale.high >= low + span - 1e-6 * span
    assert 2 <= len(scale.ticks) <= 8
    assert scale.position(scale.low) == 0
    assert scale.position(scale.high) == 100


def test_a_flow_leads_from_the_first_error_to_the_outcome() -> None:
    flow = repair_flow(
        [
            chain("passed"),
            chain("skipped"),
            chain("failed", "passed"),
            chain("failed", "error", "timeout", errors=("", "NameError", "")),
            chain("error", "syntax_error", errors=("KeyError", "SyntaxError")),
            chain("error", errors=("KeyError",)),
            chain("failed", "skipped"),
        ]
    )
    assert flow == {
        ("wrong answer", REPAIRED): 1,
        ("wrong answer", "too slow"): 1,
        ("KeyError", "syntax error"): 1,
        ("KeyError", UNTRIED): 1,
        ("wrong answer", UNTRIED): 1,
    }


def test_rare_errors_are_merged() -> None:
    kinds = [f"Error{number}" for number in range(MAX_KINDS + 5)]
    flow = repair_flow(
        chain("error", "passed", errors=(kind, "")) for n, kind in enumerate(kinds) for _ in range(20 - n)
    )
    assert len(flow) == MAX_KINDS + 1
    assert flow[OTHER, REPAIRED] == sum(20 - n for n in range(MAX_KINDS, MAX_KINDS + 5))
    assert f"{OTHER} to {REPAIRED}" in flow_chart("all", flow)


def test_a_measure_is_the_mean_over_the_samples_of_a_problem() -> None:
    rows = [
        {
            "split": "test",
            "problem_id": "p",
            "sample": sample,
            "round": round,
            "status": status,
            "error_type": "",
        }
        for sample, statuses in enumerate(
            (["passed"], ["failed", "passed"], ["failed", "failed"], ["failed"])
        )
        for round, status in enumerate(statuses)
    ]
    [measure] = measures(chains(3, rows)).values()
    assert (measure.at_first, measure.repaired) == ({"p": 0.25}, {"p": 0.5})


def test_a_curve_of_one_iteration_can_be_drawn() -> None:
    chart = curve_figure("test", [Series("pass@1", "c0", [Point(0, 0.0, 0.0, 0.0)])], best=0).chart
    assert "nan" not in chart
    assert "pass@1: 0.0%  [0.0%, 0.0%]" in chart


def test_attributes_and_children_are_escaped() -> None:
    assert (
        element("text", "a < b", data_tip='"', class_="x")
        == '<text data-tip="&#34;" class="x">a &lt; b</text>'
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [(0.25, "0.25"), (9, "9"), (999.6, "1000"), (1234, "1.23k"), (999_999, "1000k"), (3e6, "3M")],
)
def test_large_numbers_have_a_short_form(number: float, words: str) -> None:
    assert compact(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (338, "5 min 38 s"), (11100, "3 h 05 min")],
)
def test_durations_have_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@settings(deadline=None)
@given(st.lists(st.text("ab", max_size=6), min_size=1, max_size=4))
def test_the_shared_start_of_texts_is_the_longest_common_prefix(texts: list[str]) -> None:
    size = shared_start(texts)
    assert len({text[:size] for text in texts}) == 1
    ends = Counter(text[size : size + 1] for text in texts)
    assert "" in ends or len(ends) > 1
