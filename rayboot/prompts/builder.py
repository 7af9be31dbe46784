"""Prompts within a token budget, and programs out of completions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rayboot.errors import UserError
from rayboot.problems.types import Problem
from rayboot.prompts.completion import unfenced
from rayboot.prompts.feedback import cut_middle
from rayboot.prompts.show import lines, show_test
from rayboot.prompts.template import PromptTemplate, template_for


class PromptBuilder:
    """Writes first prompts and repair prompts that fit the budget, and never cuts a problem's statement.

    Args:
        count_tokens: Tokens of a text, as the model's tokenizer counts them.
        max_tokens: Tokens of a prompt at most.
        examples: Few-shot examples, shown in this order, each with its first reference. A problem is never
            shown as its own example.
        template: Used for every problem in place of its benchmark's own.
    """

    def __init__(
        self,
        count_tokens: Callable[[str], int],
        max_tokens: int,
        examples: Sequence[Problem] = (),
        template: PromptTemplate | None = None,
    ) -> None:
        for example in examples:
            if not example.references:
                raise UserError(f"few-shot example {example.id} has no reference solution")
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens
        self._examples = tuple(examples)
        self._template = template

    def template(self, problem: Problem) -> PromptTemplate:
        """The template that this problem's prompts are made with."""
        return self._template or template_for(problem.benchmark)

    def first(self, problem: Problem) -> str | None:
        """The prompt for a solution, with as many examples as fit; None if it does not fit without any."""
        return self._with_examples(problem, self._first(problem))

    def repair(self, problem: Problem, program: str, feedback: str) -> str | None:
        """The prompt for a repair of `program`.

        Too long, it loses its examples (the last one first), then the program's tail, then the feedback's
        middle; None if it does not fit then.
        """
        completion = self.target(problem, program)[: self.template(problem).max_program_chars]

        def text(program_chars: int, feedback_chars: int) -> str:
            return self._repair(problem, completion[:program_chars], cut_middle(feedback, feedback_chars))

        whole = text(len(completion), len(feedback))
        return (
            self._with_examples(problem, whole)
            or self._longest(lambda size: text(size, len(feedback)), len(completion))
            or self._longest(lambda size: text(0, size), len(feedback))
        )

    def program(self, problem: Problem, completion: str) -> str:
        """The whole program in a completion: without fences, after the starter code where it continues that.

        A completion that defines the whole function again can follow the starter code as well: of two
        definitions Python keeps the later.
        """
        before = problem.starter_code if self.template(problem).continues else ""
        code = unfenced(completion, before, problem.entry_point).rstrip()
        if not before:
            return code.lstrip("\r\n")
        return before + code if code[:1].isspace() else lines(before) + code

    def target(self, problem: Problem, program: str) -> str:
        """The completion that a model should write for `program`: what `program()` turns into it again."""
        before = problem.starter_code if self.template(problem).continues else ""
        if before and program.startswith(before):
            return program[len(before) :].rstrip()
        return program.rstrip().lstrip("\r\n")

    def _first(self, problem: Problem) -> str:
        return self.template(problem).first.format(
            statement=problem.statement,
            starter_code=lines(problem.starter_code),
            tests=lines("\n".join(show_test(problem, test) for test in problem.public_tests)),
        )

    def _repair(self, problem: Problem, completion: str, feedback: str) -> str:
        return self.template(problem).repair.format(
            first=self._first(problem),
            program=completion,
            feedback=feedback,
            starter_code=lines(problem.starter_code),
        )

    def _example(self, problem: Problem) -> str:
        solution = self.target(problem, problem.references[0])
        return self.template(problem).example.format(first=self._first(problem), solution=solution)

    def _with_examples(self, problem: Problem, prompt: str) -> str | None:
        examples = [self._example(example) for example in self._examples if example.id != problem.id]
        for shown in range(len(examples), -1, -1):
            text = "".join(examples[:shown]) + prompt
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
