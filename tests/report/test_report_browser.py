"""The report in a real browser: no errors, fast to paint, and usable with the keyboard alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_browser import CHROMIUM, Browser, browser
from synthetic_runs import make_run

from rayboot.report import report_runs

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(report_runs([str(make_run(tmp_path_factory.mktemp("runs")))]))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    runs = [make_run(folder, "full"), make_run(folder, "baseline", algorithm="finetune", better=1)]
    return Path(report_runs([str(run) for run in runs], folder / "report.html"))


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as tab:
        yield tab


@pytest.fixture(autouse=True)
def without_errors(tab: Browser) -> Iterator[None]:
    """Check that no test causes console messages or requests."""
    tab.errors.clear()
    yield
    tab.run("0")
    assert tab.errors == []


OVERLAPS = """
[...document.querySelectorAll(".chart")].filter((chart) => chart.getClientRects().length).flatMap((chart) => {
  const texts = [...chart.querySelectorAll("text")];
  const boxes = texts.map((text) => text.getBoundingClientRect());
  const across = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1;
  const along = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
  return texts.flatMap((text, one) => texts.slice(one + 1).filter((_, next) => {
    const [a, b] = [boxes[one], boxes[one + 1 + next]];
    return across(a, b) && along(a, b);
  }).map((other) => `${text.textContent} / ${other.textContent}`));
})"""
CHOOSE_REPAIRED = """
(() => {
  const menu = document.querySelector("[data-filter=outcome]");
  menu.value = "repaired";
  menu.dispatchEvent(new Event("change"));
})()"""


def contrast(foreground: str, background: str) -> float:
    """Return the WCAG contrast ratio of two colours, given as `rgb(r, g, b)`."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(foreground), luminance(background)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def computed(tab: Browser, selector: str, name: str) -> str:
    return str(tab.run(f"getComputedStyle(document.querySelector({selector!r})).{name}"))


def test_the_page_is_painted_within_a_second(tab: Browser, page: Path) -> None:
    tab.open(page)
    paints = "performance.getEntriesByType('paint').map((entry) => entry.startTime)"
    assert min(tab.run(paints)) < 1000


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(tab: Browser, page: Path, pair: Path, width: int) -> None:
    for shown in (page, pair):
        tab.open(shown, width=width)
        assert tab.run("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_both_themes(tab: Browser, page: Path, scheme: str) -> None:
    tab.open(page, scheme=scheme)
    background = computed(tab, "body", "backgroundColor")
    assert (contrast(background, "rgb(0, 0, 0)") > 15) == (scheme == "light")
    for selector in ("body", ".about", ".verdict b", "nav a", "tbody th a"):
        assert contrast(computed(tab, selector, "color"), background) > 4.5, selector
    marks = tab.run(
        "[...document.querySelectorAll('.series, .part, .node')].map((mark) => getComputedStyle(mark).color)"
    )
    assert min(contrast(mark, background) for mark in set(marks)) > 3


def test_the_button_sets_the_theme_and_the_choice_persists(tab: Browser, page: Path) -> None:
    tab.open(page, scheme="light")
    tab.run("document.getElementById('theme').focus()")
    light = computed(tab, "body", "backgroundColor")
    for name in ("light", "dark"):
        tab.press("Enter")
        assert tab.run("document.activeElement.textContent") == f"Theme: {name}"
    dark = computed(tab, "body", "backgroundColor")
    assert dark != light
    tab.open(page, scheme="light")
    assert computed(tab, "body", "backgroundColor") == dark
    tab.run("localStorage.clear()")


def test_no_labels_of_a_chart_overlap(tab: Browser, page: Path, pair: Path) -> None:
    for shown in (page, pair):
        tab.open(shown)
        overlapping = tab.run(OVERLAPS)
        assert overlapping == []


def test_every_control_and_landmark_has_an_accessible_name(tab: Browser, pair: Path) -> None:
    tab.open(pair)
    tab.call("Accessibility.enable")
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    named = {
        "button",
        "link",
        "combobox",
        "searchbox",
        "listbox",
        "option",
        "img",
        "image",
        "region",
        "navigation",
        "search",
    }
    shown = [node for node in nodes if not node["ignored"] and node["role"]["value"] in named]
    assert {"button", "link", "combobox", "searchbox", "listbox", "option"} <= {
        node["role"]["value"] for node in shown
    }
    assert [node["role"] for node in shown if not node.get("name", {}).get("value", "").strip()] == []


def test_arrow_keys_step_through_the_numbers_of_a_chart(tab: Browser, page: Path) -> None:
    tab.open(page)
    tab.run("document.querySelector('#learning .chart').focus()")
    tab.press("ArrowRight")
    assert tab.run("document.getElementById('tip').textContent").startswith("iteration 0\npass@1: 25.0%")
    tab.press("ArrowLeft")
    assert tab.run("document.getElementById('tip').textContent").startswith("iteration 2\npass@1: 75.0%")
    tab.press("Escape")
    assert tab.run("document.getElementById('tip').hidden")


def test_hovering_over_a_chart_shows_its_numbers(tab: Browser, page: Path) -> None:
    tab.open(page)
    x, y = tab.run(
        """(() => {
          const ribbon = document.querySelector("figure:not([hidden]) .ribbon");
          ribbon.scrollIntoView({ behavior: "instant", block: "center" });
          const box = ribbon.getBoundingClientRect();
          return [box.left + 2, box.top + box.height / 2];
        })()"""
    )
    time.sleep(0.1)  # the end of the scroll would hide the tip
    tab.hover(x, y)
    assert tab.run("document.getElementById('tip').textContent") != ""
    assert not tab.run("document.getElementById('tip').hidden")


def test_the_menu_changes_the_diagram(tab: Browser, page: Path) -> None:
    tab.open(page)
    shown = "[...document.querySelectorAll('.choice figure:not([hidden]) figcaption')].map((one) => one.textContent)"
    assert tab.run(shown) == ["training rollout, all iterations"]
    tab.run("document.querySelector('.chooser').focus()")
    tab.press("ArrowDown")
    assert tab.run(shown) == ["training rollout, iteration 1"]


def test_attempts_are_searched_and_read_with_the_keyboard(tab: Browser, page: Path) -> None:
    tab.open(page)
    found = "document.getElementById('found').textContent"
    total = int(tab.run(found).split()[-1])
    tab.run("document.getElementById('query').focus()")
    tab.type("return y  # 5")
    time.sleep(0.3)  # the search starts at the end of typing
    assert 0 < int(tab.run(found).split()[0]) < total
    assert "return y  # 5" in tab.run("document.getElementById('entry').textContent")
    tab.run("document.getElementById('entries').focus()")
    before = tab.run("document.querySelector('[aria-selected=true]').textContent")
    tab.press("ArrowDown")
    assert tab.run("document.querySelector('[aria-selected=true]').textContent") != before
    tab.press("End")
    assert tab.run(
        "document.querySelector('[aria-selected=true]') === document.getElementById('entries').lastChild"
    )


def test_a_filter_shows_repaired_attempts_alone(tab: Browser, page: Path) -> None:
    tab.open(page)
    tab.run(CHOOSE_REPAIRED)
    entry = "document.getElementById('entry')"
    assert tab.run(f"{entry}.querySelector('.told').textContent") == "# Feedback\nIt is wrong.\n# Repair"
    lines = tab.run(f"[...{entry}.querySelectorAll('.code')].map((line) => line.className.trim())")
    assert [line.split() for line in lines[2:]] == [["code", "same"], ["code", "gone"], ["code", "come"]]
    verdicts = tab.run(f"[...{entry}.querySelectorAll('.verdict b')].map((verdict) => verdict.textContent)")
    assert verdicts[-1] == "✓ passed"
    assert len(verdicts) == 2


def test_a_hard_problem_links_to_its_attempts(tab: Browser, page: Path) -> None:
    tab.open(page)
    tab.run("document.querySelector('[data-problem=\"test/7\"]').click()")
    assert tab.run("document.getElementById('found').textContent").startswith("3 of")
    assert tab.run("document.activeElement.id") == "entries"
    tab.run("document.querySelector('.others button:last-child').click()")
    assert "iteration 2" in tab.run("document.querySelector('#entry h3').textContent")
