"""Prompts as plain text to continue, or as a chat in the form of the model's chat template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from rayboot.errors import UserError
from rayboot.problems import Problem
from rayboot.prompts.templates import TemplateLibrary, task_fields

Message = dict[str, str]
"""`role` (`system`, `user` or `assistant`) and `content`."""
Render = Callable[[Sequence[Message]], str]
"""Renders a chat as text, up to the beginning of the assistant's next message."""


class FailedAttempt(NamedTuple):
    """The attempt that a repair prompt shows."""

    program: str
    """The program as a completion (see `target`), or the beginning of it."""
    feedback: str


class PlainStyle:
    """Prompts that the completion continues."""

    def __init__(self, templates: TemplateLibrary) -> None:
        self.templates = templates

    def compose(self, problem: Problem, examples: Sequence[Problem], failed: FailedAttempt | None) -> str:
        """Return the prompt for a solution, or for the repair of a failed attempt, with worked examples before it."""
        shots = "".join(self._example(example) for example in examples)
        first = self._first(problem)
        if failed is None:
            return shots + first
        fields = {"first": first, "program": failed.program, "feedback": failed.feedback}
        return shots + self.templates(problem).repair.format(**fields, **task_fields(problem))

    def shown_program(self, problem: Problem, program: str) -> str:
        """Return the part of a program that a prompt shows."""
        return self.target(problem, program)

    def target(self, problem: Problem, program: str) -> str:
        """Return the completion that a model should generate for a program."""
        starter = problem.starter_code if self.templates(problem).continues else ""
        if starter and program.startswith(starter):
            return program[len(starter) :].rstrip()
        return program.rstrip().lstrip("\r\n")

    def _first(self, problem: Problem) -> str:
        return self.templates(problem).first.format(**task_fields(problem))

    def _example(self, problem: Problem) -> str:
        solution = self.target(problem, problem.references[0])
        return self.templates(problem).example.format(first=self._first(problem), solution=solution)


class ChatStyle:
    """Messages: each worked example is a question and an answer, and so is the failed attempt."""

    def __init__(self, templates: TemplateLibrary, render: Render, system: str = "") -> None:
        self.templates = templates
        self._render = render
        self._system = system

    def compose(self, problem: Problem, examples: Sequence[Problem], failed: FailedAttempt | None) -> str:
        chat = [_message("system", self._system)] if self._system else []
        for example in examples:
            chat += [
                self._question(example),
                self._answer(example, self.shown_program(example, example.references[0])),
            ]
        chat.append(self._question(problem))
        if failed is not None:
            follow_up = self.templates(problem).chat.again
            follow_up = follow_up.format(feedback=failed.feedback, language=problem.language)
            chat += [self._answer(problem, failed.program), _message("user", follow_up)]
        return self._render(chat)

    def shown_program(self, problem: Problem, program: str) -> str:
        return program.rstrip().lstrip("\r\n")

    def target(self, problem: Problem, program: str) -> str:
        return self._answer_prefix + self._answer(problem, self.shown_program(problem, program))["content"]

    @cached_property
    def _answer_prefix(self) -> str:
        """The whitespace that the chat template has before an answer, such as Llama 2's: a model generates it."""
        question, answer = _message("user", "the-question"), _message("assistant", "the-answer")
        opening = self._render([question]).rpartition("the-question")[2]
        try:
            answered = self._render([question, answer, question]).partition("the-question")[2]
        except UserError:  # the template does not allow a second turn
            return ""
        between = answered.removeprefix(opening).partition("the-answer")[0]
        return between if answered.startswith(opening) and between.isspace() else ""

    def _question(self, problem: Problem) -> Message:
        return _message("user", self.templates(problem).chat.ask.format(**task_fields(problem)))

    def _answer(self, problem: Problem, solution: str) -> Message:
        answer = self.templates(problem).chat.answer
        return _message("assistant", answer.format(solution=solution, language=problem.language))


Style = PlainStyle | ChatStyle
"""How the parts of a prompt become text, and a program a completion."""


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
