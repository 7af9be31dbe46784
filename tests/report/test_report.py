"""What a run leaves to look at says what was measured."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from rayboot.report import write_html, write_tensorboard
from rayboot.storage import Storage


def row(iteration: int, split: str, solved: float) -> dict[str, Any]:
    return {
        "iteration": iteration,
        "split": split,
        "pass@1": solved,
        "repair@1": solved + 0.1,
        "problems": 20,
        "attempts": 30,
        "prompt_tokens": 1000,
        "completion_tokens": 234,
        "training_examples": {"solution": 5, "reference": 15} if iteration else {},
        "replayed_examples": {"1": 7} if iteration == 2 else {},
        "dropped_examples": {"replay_size": 3} if iteration == 2 else {},
        "seconds": {"evaluation": 1.5},
    }


ROWS = [row(i, split, 0.2 + 0.2 * i) for i in range(3) for split in ("validation", "test")]


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.links: list[str] = []
        self.points = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.points += tag == "circle"
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def test_the_report_is_one_page_with_the_curve_and_every_row(tmp_path: Path) -> None:
    write_html(Storage(str(tmp_path)), "a <run>", ROWS, best=2)
    page = Reader()
    page.feed((tmp_path / "report.html").read_text())
    assert "a <run>" in page.cells
    assert any("test pass@1: 20.0% before, 60.0% at iteration 2" in cell for cell in page.cells)
    assert page.cells.count("1,234") == len(ROWS)
    assert page.points == 2 * len(ROWS)  # pass@1 and repair@1
    assert page.links == []


def test_the_report_says_what_was_replayed_and_what_was_left_out(tmp_path: Path) -> None:
    write_html(Storage(str(tmp_path)), "run", ROWS, best=2)
    page = Reader()
    page.feed((tmp_path / "report.html").read_text())
    assert page.cells.count("iteration 1 7") == page.cells.count("replay size 3") == 2


def test_tensorboard_has_each_number_once_however_often_it_is_written(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for _ in range(2):
        write_tensorboard(storage, ROWS)
    [events] = (tmp_path / "tensorboard").iterdir()
    content = events.read_bytes()
    assert content.count(b"test/pass_1") == 3
    assert content.count(b"test/training_examples/solution") == 2
