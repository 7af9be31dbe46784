"""Prompts as plain text to go on with, or as a chat in the form that the model's tokenizer gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from rayboot.errors import UserError
from rayboot.problems import Problem
from rayboot.prompts.completion import program_in
from rayboot.prompts.show import task_fields
from rayboot.prompts.templates import TemplateLibrary

Message = dict[str, str]
"""`role` (`system`, `user` or `assistant`) and `content`."""
Render = Callable[[Sequence[Message]], str]
"""Makes one text of a chat, up to where the assistant's next message begins."""


class Wrong(NamedTuple):
    """What a repair prompt tells of the attempt before."""

    program: str
    """Its completion, as `target` gives it, or the beginning of it."""
    feedback: str


class Style(Protocol):
    """How the parts of a prompt become one text, and a program a completion."""

    templates: TemplateLibrary

    def compose(self, problem: Problem, examples: Sequence[Problem], wrong: Wrong | None) -> str:
        """The prompt for a solution, or for the repair of what is wrong, with worked examples before it."""

    def shown(self, problem: Problem, program: str) -> str:
        """What of a wrong program a repair prompt shows."""

    def target(self, problem: Problem, program: str) -> str:
        """The completion that a model should write for a program."""


class PlainStyle:
    """Text that the completion goes on with."""

    def __init__(self, templates: TemplateLibrary) -> None:
        self.templates = templates

    def compose(self, problem: Problem, examples: Sequence[Problem], wrong: Wrong | None) -> str:
        shots = "".join(self._example(example) for example in examples)
        first = self._first(problem)
        if wrong is None:
            return shots + first
        fields = {"first": first, "program": wrong.program, "feedback": wrong.feedback}
        return shots + self.templates(problem).repair.format(**fields, **task_fields(problem))

    def shown(self, problem: Problem, program: str) -> str:
        return self.target(problem, program)

    def target(self, problem: Problem, program: str) -> str:
        before = problem.starter_code if self.templates(problem).continues else ""
        if before and program.startswith(before):
            return program[len(before) :].rstrip()
        return program.rstrip().lstrip("\r\n")

    def _first(self, problem: Problem) -> str:
        return self.templates(problem).first.format(**task_fields(problem))

    def _example(self, problem: Problem) -> str:
        solution = self.target(problem, problem.references[0])
        return self.templates(problem).example.format(first=self._first(problem), solution=solution)


class ChatStyle:
    """Messages: each worked example is a question and its answer, and so is the attempt that is to be repaired."""

    def __init__(self, templates: TemplateLibrary, render: Render, system: str = "") -> None:
        self.templates = templates
        self._render = render
        self._system = system

    def compose(self, problem: Problem, examples: Sequence[Problem], wrong: Wrong | None) -> str:
        chat = [_message("system", self._system)] if self._system else []
        for example in examples:
            chat += [self._ask(example), self._answer(example, self.shown(example, example.references[0]))]
        chat.append(self._ask(problem))
        if wrong is not None:
            again = self.templates(problem).chat.again
            again = again.format(feedback=wrong.feedback, language=problem.language)
            chat += [self._answer(problem, wrong.program), _message("user", again)]
        return self._render(chat)

    def shown(self, problem: Problem, program: str) -> str:
        return program.rstrip().lstrip("\r\n")

    def target(self, problem: Problem, program: str) -> str:
        return self._space + self._answer(problem, self.shown(problem, program))["content"]

    @cached_property
    def _space(self) -> str:
        """The white space that the chat's form has before an answer, as Llama 2's: a model writes it."""
        question, answer = _message("user", "the-question"), _message("assistant", "the-answer")
        opening = self._render([question]).rpartition("the-question")[2]
        try:
            answered = self._render([question, answer, question]).partition("the-question")[2]
        except UserError:  # its chats have no second turn
            return ""
        between = answered.removeprefix(opening).partition("the-answer")[0]
        return between if answered.startswith(opening) and between.isspace() else ""

    def _ask(self, problem: Problem) -> Message:
        return _message("user", self.templates(problem).chat.ask.format(**task_fields(problem)))

    def _answer(self, problem: Problem, solution: str) -> Message:
        answer = self.templates(problem).chat.answer
        return _message("assistant", answer.format(solution=solution, language=problem.language))


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def program_of(problem: Problem, completion: str, continues: bool) -> str:
    """The whole program in a completion: without prose and fences, after the starter code where it continues that."""
    before = problem.starter_code if continues else ""
    program = program_in(completion, before, problem.entry_point, problem.language).rstrip()
    return program if before else program.lstrip("\r\n")
