"""What a process needs to write prompts, in a form that travels: the builder is made where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rayboot.config import GenerationConfig, Recipe
from rayboot.config.prompts import PromptsConfig
from rayboot.errors import UserError
from rayboot.generation import load_token_counter
from rayboot.problems.types import Problem
from rayboot.prompts import ChatStyle, PlainStyle, PromptBuilder, TemplateLibrary
from rayboot.rollout.chat import check_chat_model, load_render
from rayboot.storage import localize


@dataclass(frozen=True)
class PromptSource:
    """Tokenizer, templates, budget and few-shot examples of a run.

    Raises:
        UserError: A template of `options` is missing or wrong, or the model or its server takes no chats.
    """

    generation: GenerationConfig
    """The engine decides how tokens are counted."""
    model: str
    """Model directory, or URI of one, that has the tokenizer."""
    max_prompt_tokens: int
    examples: Sequence[Problem] = ()
    """Few-shot examples."""
    options: PromptsConfig = field(default_factory=PromptsConfig)
    templates: TemplateLibrary = field(init=False)
    """Read here, once: other machines need not have the files."""

    @classmethod
    def of(cls, recipe: Recipe, model: str, few_shot: Sequence[Problem]) -> PromptSource:
        """What a recipe's runs need, with the tokenizer of `model`."""
        shots = tuple(few_shot[: recipe.problems.shots])
        return cls(recipe.generation, model, recipe.policy.max_prompt_tokens, shots, recipe.prompts)

    def __post_init__(self) -> None:
        object.__setattr__(self, "templates", TemplateLibrary(self.options.templates))
        if self.options.style == "chat":
            if self.generation.openai is not None and self.generation.openai.api == "chat":
                raise UserError(
                    "prompts.style: chat: with generation.openai.api: chat the server applies the chat template "
                    "to the prompt: use style: plain there, or generation.openai.api: completions"
                )
            if Path(self.model).is_dir():
                check_chat_model(self.model)

    @cached_property
    def builder(self) -> PromptBuilder:
        """The prompt builder; it loads the tokenizer once in each process."""
        model = localize(self.model)
        count = load_token_counter(self.generation, model)
        if self.options.style == "plain":
            style: PlainStyle | ChatStyle = PlainStyle(self.templates)
        else:
            style = ChatStyle(self.templates, load_render(model), self.options.system or "")
        return PromptBuilder(count, self.max_prompt_tokens, self.examples, style)

    @property
    def continued(self) -> bool:
        """Whether completions go on where prompts end; a chat model answers instead."""
        served = self.generation.openai is not None and self.generation.openai.api == "chat"
        return self.options.style == "plain" and not served

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "builder"}
