"""Prompts within a token budget, and extraction of programs from completions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rayboot.errors import UserError
from rayboot.problems import Problem
from rayboot.prompts.completion import program_of
from rayboot.prompts.feedback import cut_middle
from rayboot.prompts.style import FailedAttempt, PlainStyle, Style
from rayboot.prompts.templates import PromptTemplate, TemplateLibrary


class PromptBuilder:
    """Builds first prompts and repair prompts that fit the budget, and never cuts a problem's statement.

    `count_tokens` counts as the model's tokenizer, and `max_tokens` includes all that a chat template adds. Each of the
    few-shot `examples` is shown with its first reference; a problem is never its own example. The style is by default
    plain text with the packaged templates.
    """

    def __init__(
        self,
        count_tokens: Callable[[str], int],
        max_tokens: int,
        examples: Sequence[Problem] = (),
        style: Style | None = None,
    ) -> None:
        for example in examples:
            if not example.references:
                raise UserError(f"few-shot example {example.id} has no reference solution")
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens
        self._examples = tuple(examples)
        self._style = style or PlainStyle(TemplateLibrary())

    def template(self, problem: Problem) -> PromptTemplate:
        """Return the template of this problem's prompts."""
        return self._style.templates(problem)

    def first(self, problem: Problem) -> str | None:
        """Return the prompt for a solution, with as many examples as fit; None if it does not fit without any."""
        return self._with_examples(problem, None)

    def repair(self, problem: Problem, program: str, feedback: str) -> str | None:
        """Return the prompt for a repair of `program`.

        A prompt that is too long loses its examples (the last one first), then the program's tail, then the feedback's
        middle; None if it still does not fit.
        """
        completion = self._style.shown_program(problem, program)[: self.template(problem).max_program_chars]

        def text(program_chars: int, feedback_chars: int) -> str:
            failed = FailedAttempt(completion[:program_chars], cut_middle(feedback, feedback_chars))
            return self._style.compose(problem, (), failed)

        return (
            self._with_examples(problem, FailedAttempt(completion, feedback))
            or self._longest(lambda size: text(size, len(feedback)), len(completion))
            or self._longest(lambda size: text(0, size), len(feedback))
        )

    def program(self, problem: Problem, completion: str) -> str:
        """Return the whole program in a completion: without fences, after the starter code if it continues that.

        A completion that repeats the whole function can follow the starter code too: of two definitions Python keeps
        the later. In other languages it is the whole program.
        """
        return program_of(problem, completion, self.template(problem).continues)

    def target(self, problem: Problem, program: str) -> str:
        """Return the completion that a model should generate for `program`: `program()` is its inverse."""
        return self._style.target(problem, program)

    def _with_examples(self, problem: Problem, failed: FailedAttempt | None) -> str | None:
        examples = [example for example in self._examples if example.id != problem.id]
        for count in range(len(examples), -1, -1):
            text = self._style.compose(problem, examples[:count], failed)
            if self._fits(text):
                return text
        return None

    def _longest(self, text: Callable[[int], str], size: int) -> str | None:
        """Return the longest text up to `size` that fits, by bisection; None if the shortest does not."""
        best = text(0)
        if not self._fits(best):
            return None
        low, high = 0, size
        while low < high:
            middle = (low + high + 1) // 2
            candidate = text(middle)
            if self._fits(candidate):
                best, low = candidate, middle
            else:
                high = middle - 1
        return best

    def _fits(self, text: str) -> bool:
        return self._count_tokens(text) <= self._max_tokens
