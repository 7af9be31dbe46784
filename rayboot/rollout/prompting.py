"""What a process needs to write prompts, in a form that travels: the builder is made where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rayboot.config import GenerationConfig
from rayboot.generation import load_token_counter
from rayboot.problems.types import Problem
from rayboot.prompts import PromptBuilder
from rayboot.storage import localize


@dataclass(frozen=True)
class PromptSource:
    """Tokenizer, budget and few-shot examples of a run."""

    generation: GenerationConfig
    """The engine decides how tokens are counted."""
    model: str
    """Model directory, or URI of one, that has the tokenizer."""
    max_prompt_tokens: int
    examples: Sequence[Problem] = ()
    """Few-shot examples."""

    @cached_property
    def builder(self) -> PromptBuilder:
        """The prompt builder; it loads the tokenizer once in each process."""
        count = load_token_counter(self.generation, localize(self.model))
        return PromptBuilder(count, self.max_prompt_tokens, self.examples)

    @property
    def continued(self) -> bool:
        """Whether completions go on where prompts end; a chat model answers instead."""
        return self.generation.openai is None or self.generation.openai.api == "completions"

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "builder"}
