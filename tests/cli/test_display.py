"""Output in the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from rayboot.cli import display
from rayboot.cli.doctor import Finding
from rayboot.metrics import MetricsRow


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Replace the terminal by a text buffer of 40 columns."""
    text = io.StringIO()
    monkeypatch.setattr(display, "console", Console(file=text, width=40, highlight=False))
    return text


def test_lines_below_the_table_of_an_iteration_break_between_values(drawn: io.StringIO) -> None:
    row = {
        "iteration": 1,
        "split": "test",
        "problems": 3,
        "pass@1": 0.5,
        "repair@1": 0.5,
        "public_only": 0.25,
        "intervals": {"pass@1": [0, 1], "repair@1": [0, 1]},
        "attempts": 4,
        "training_examples": {"repair_on_first_prompt": 12, "reference": 25, "solution": 340},
        "dropped_examples": {},
        "seconds": {"rollout": 20.1, "curate": 0.6, "refit": 26.0, "evaluation": 12.5},
    }
    display.Terminal().iteration([MetricsRow.model_validate(row)])
    below = [line.rstrip() for line in drawn.getvalue().splitlines()][-8:]
    assert below == [
        "public tests passed, hidden failed:",
        "  test 25.0%",
        "training examples:",
        "  repair on first prompt 12,",
        "  reference 25, solution 340",
        "seconds: rollout 20.1, curate 0.6,",
        "  refit 26.0, evaluation 12.5",
        "",
    ]


def test_the_doctor_distinguishes_missing_requirements_from_optional_components(drawn: io.StringIO) -> None:
    findings = [
        Finding(what="ray", ok=True, found="2"),
        Finding(what="torch", ok=False, found="missing", advice="make setup"),
        Finding(what="swift", ok=False, found="lacks swiftc", advice="install swift", needed=False),
    ]
    display.findings_table(findings)
    marked = [
        line for line in drawn.getvalue().splitlines() if any(finding.what in line for finding in findings)
    ]
    assert [line.split()[1] for line in marked[:3]] == ["ok", "missing", "absent"]
    assert "install swift" in drawn.getvalue()
    assert [finding.fine for finding in findings] == [True, False, True]
