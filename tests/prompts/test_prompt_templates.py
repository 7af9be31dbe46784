"""Templates by problem, and a user's own templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayboot.errors import UserError
from rayboot.problems import AssertTest, Problem, StdioTest
from rayboot.prompts import PlainStyle, PromptBuilder, TemplateLibrary, template_name

NAMES = {"apps", "default", "fix", "go", "humaneval", "java", "javascript", "perl", "swift"}


def problem(benchmark: str = "mbpp", **changes: object) -> Problem:
    values: dict[str, object] = {
        "id": "x/1",
        "benchmark": benchmark,
        "statement": "Twice.",
        "tests": (AssertTest(code="assert f(1) == 2", public=True),),
    }
    return Problem.model_validate(values | changes)


def prompt(replaced: dict[str, str], task: Problem) -> str | None:
    return PromptBuilder(len, 1000, style=PlainStyle(TemplateLibrary(replaced))).first(task)


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (problem("mbpp"), "default"),
        (problem("mine"), "default"),
        (problem("mine", language="java"), "default"),
        (problem("apps"), "apps"),
        (problem("humaneval"), "humaneval"),
        (problem("mbxp"), "humaneval"),
        (problem("mbxp", language="go"), "go"),
        (problem("multilingual_humaneval", language="perl"), "perl"),
        (problem("humanevalpack", language="java", buggy_code="x"), "fix"),
    ],
)
def test_a_template_is_chosen_by_benchmark_language_and_task(task: Problem, name: str) -> None:
    assert template_name(task) == name


def test_apps_prompts_show_how_the_program_is_called_and_no_test() -> None:
    task = problem("apps", tests=(StdioTest(stdin="1", stdout="2", public=True),))
    assert prompt({}, task) == (
        "# Task\nTwice.\nThe program reads standard input and prints the answer.\n# Solution\n"
    )


def test_languages_mark_feedback_as_a_comment_and_end_where_the_next_function_begins() -> None:
    task = problem("mbxp", language="javascript", starter_code="function f(x) {\n")
    prompts = PromptBuilder(len, 1000)
    assert prompts.first(task) == "function f(x) {\n"
    assert prompts.repair(task, "function f(x) {\n  return x;\n}\n", "Wrong.") == (
        "function f(x) {\n  return x;\n}\n// Feedback\n// Wrong.\n// Repair\nfunction f(x) {\n"
    )
    assert "\nfunction" in prompts.template(task).stop


def test_a_file_replaces_the_pieces_that_it_has(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.yaml", 'first: "Q: {statement}\\nA: "\nstop: ["\\nQ:"]\n')
    library = TemplateLibrary({"default": file})
    changed, packaged = library(problem()), TemplateLibrary()(problem())
    assert prompt({"default": file}, problem()) == "Q: Twice.\nA: "
    assert (changed.stop, changed.repair, changed.chat) == (("\nQ:",), packaged.repair, packaged.chat)
    assert library(problem("apps")) == TemplateLibrary()(problem("apps"))


def test_a_chat_s_messages_are_replaced_one_by_one(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.yaml", 'chat: {ask: "{statement}?"}\n')
    chat = TemplateLibrary({"default": file})(problem()).chat
    assert (chat.ask, chat.again) == ("{statement}?", TemplateLibrary()(problem()).chat.again)


def test_a_packaged_template_can_replace_another() -> None:
    assert TemplateLibrary({"apps": "default"})(problem("apps")) == TemplateLibrary()(problem())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('first: "{statment}"', r"first has unknown placeholders \['statment'\]; known are"),
        ('first: "# Solution"', r"first lacks the placeholder \{statement\}"),
        ('repair: "{first}{feedback}"', r"repair lacks the placeholder \{program\}"),
        ('repair: "{first}{program} {"', "repair is not a template .*write a literal brace twice"),
        ('chat: {answer: "```"}', r"chat.answer lacks the placeholder \{solution\}"),
        ("chat: ask", "chat: Input should be"),
        ("frist: x", "unknown piece frist; there are first, example"),
        ("stop: x", "stop: Input should be"),
        ("- first", "is not a template: expected pieces such as first"),
        ("first: [", "cannot be read as YAML"),
    ],
)
def test_a_file_that_is_not_a_template_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path / "mine.yaml", text)
    with pytest.raises(UserError, match=rf"prompts\.templates: (?s:.*)mine\.yaml:?.*{message}"):
        TemplateLibrary({"default": file})


def test_an_unknown_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no template 'humanevl' to replace: did you mean humaneval"):
        TemplateLibrary({"humanevl": "default"})
    with pytest.raises(UserError, match=r"there is no file nothing\.yaml, and no template of that name"):
        TemplateLibrary({"apps": "nothing.yaml"})


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_packaged_template_renders_both_kinds_of_prompt(name: str) -> None:
    task = problem(starter_code="def f(x):", buggy_code="def f(x): pass", entry_point="f")
    prompts = PromptBuilder(len, 5000, style=PlainStyle(TemplateLibrary({"fix": name})))
    repair = prompts.repair(task, "def f(x):\n    0", "Wrong.") or ""
    assert template_name(task) == "fix"
    assert all(part in repair for part in (prompts.first(task) or "nothing", "0", "Wrong."))
