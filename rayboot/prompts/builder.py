"""Prompts within a token budget, and programs out of completions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rayboot.errors import UserError
from rayboot.problems import Problem
from rayboot.prompts.feedback import cut_middle
from rayboot.prompts.style import PlainStyle, Style, Wrong, program_of
from rayboot.prompts.templates import PromptTemplate, TemplateLibrary


class PromptBuilder:
    """Writes first prompts and repair prompts that fit the budget, and never cuts a problem's statement.

    Args:
        count_tokens: Tokens of a text, as the model's tokenizer counts them.
        max_tokens: Tokens of a prompt at most; of a chat, with all that its template adds.
        examples: Few-shot examples, shown in this order, each with its first reference. A problem is never
            shown as its own example.
        style: Plain text with the packaged templates, if not given.
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
        """The template that this problem's prompts are made with."""
        return self._style.templates(problem)

    def first(self, problem: Problem) -> str | None:
        """The prompt for a solution, with as many examples as fit; None if it does not fit without any."""
        return self._with_examples(problem, None)

    def repair(self, problem: Problem, program: str, feedback: str) -> str | None:
        """The prompt for a repair of `program`.

        Too long, it loses its examples (the last one first), then the program's tail, then the feedback's
        middle; None if it does not fit then.
        """
        completion = self._style.shown(problem, program)[: self.template(problem).max_program_chars]

        def text(program_chars: int, feedback_chars: int) -> str:
            wrong = Wrong(completion[:program_chars], cut_middle(feedback, feedback_chars))
            return self._style.compose(problem, (), wrong)

        return (
            self._with_examples(problem, Wrong(completion, feedback))
            or self._longest(lambda size: text(size, len(feedback)), len(completion))
            or self._longest(lambda size: text(0, size), len(feedback))
        )

    def program(self, problem: Problem, completion: str) -> str:
        """The whole program in a completion: without fences, after the starter code where it continues that.

        A completion that defines the whole function again can follow the starter code as well: of two
        definitions Python keeps the later. In other languages it is taken for the whole program.
        """
        return program_of(problem, completion, self.template(problem).continues)

    def target(self, problem: Problem, program: str) -> str:
        """The completion that a model should write for `program`: what `program()` turns into it again."""
        return self._style.target(problem, program)

    def _with_examples(self, problem: Problem, wrong: Wrong | None) -> str | None:
        examples = [example for example in self._examples if example.id != problem.id]
        for shown in range(len(examples), -1, -1):
            text = self._style.compose(problem, examples[:shown], wrong)
            if self._fits(text):
                return text
        return None

    def _longest(self, text: Callable[[int], str], size: int) -> str | None:
        """The longest text up to `size` that fits, by bisection; None if the shortest does not."""
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
