"""A picklable source of prompt builders, and the chat template of a model's tokenizer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rayboot.config import GenerationConfig, ModelConfig
from rayboot.config.prompts import PromptsConfig
from rayboot.engines import load_token_counter
from rayboot.errors import UserError
from rayboot.problems import Problem
from rayboot.prompts import ChatStyle, Message, PlainStyle, PromptBuilder, Render, TemplateLibrary
from rayboot.storage import localize
from rayboot.values import JsonObject


def check_chat_model(model: str) -> None:
    """Check that a model directory has a chat model, without importing transformers.

    Raise UserError if the model is an encoder-decoder, or its tokenizer has no chat template.
    """
    if _json(Path(model, "config.json")).get("is_encoder_decoder"):
        raise UserError(
            f"prompts.style: chat: {model} is an encoder-decoder model, which has no chats: use style: plain"
        )
    in_config = _json(Path(model, "tokenizer_config.json")).get("chat_template")
    if not in_config and not Path(model, "chat_template.jinja").is_file():
        raise UserError(
            f"prompts.style: chat: the tokenizer of {model} has no chat template, as those of base models: use "
            "style: plain, or a model that is trained for chats"
        )


def load_render(model: str) -> Render:
    """Return a function that renders a chat as a prompt, with the tokenizer in directory `model`.

    A beginning-of-text token that the tokenizer adds to every prompt is removed, unless that changes other tokens: an
    engine or server that tokenises the prompt adds it again.

    Raise UserError if the directory has no tokenizer or no chat template. The function raises it if the template
    refuses a message.
    """
    from rayboot.models.loading import encode, load_tokenizer

    check_chat_model(model)
    tokenizer: Any = load_tokenizer(model)
    begin = tokenizer.bos_token
    added = begin is not None and encode(tokenizer, "x")[:1] == [tokenizer.bos_token_id]

    def render(chat: Sequence[Message]) -> str:
        try:
            text = str(tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template is a program, and can raise anything
            roles = ", ".join(message["role"] for message in chat)
            raise UserError(
                f"the chat template of {model} refuses messages by {roles}: {error}; without prompts.system and "
                "few-shot examples there are fewer"
            ) from None
        if not added or not text.startswith(begin):
            return text
        bare = text.removeprefix(begin)
        # Some tokenizers encode a word after a special token otherwise than at the beginning of a text.
        return bare if encode(tokenizer, bare) == encode(tokenizer, text) else text

    return render


def _json(path: Path) -> JsonObject:
    try:
        data: JsonObject = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # reported where the model is loaded
    return data


@dataclass(frozen=True)
class PromptSource:
    """Tokenizer, templates, token budget and few-shot examples of a run. It can be pickled.

    Raise UserError if a template of `options` is missing or invalid, or the model or its server takes no chats.
    """

    generation: GenerationConfig
    """Options of the engine, which determines how tokens are counted."""
    model: str
    """Model directory with the tokenizer, or its URI."""
    max_prompt_tokens: int
    examples: Sequence[Problem] = ()
    """Few-shot examples."""
    options: PromptsConfig = field(default_factory=PromptsConfig)
    templates: TemplateLibrary = field(init=False)
    """Read once, on creation: other machines need not have the files."""

    @classmethod
    def of(cls, config: ModelConfig, directory: str, few_shot: Sequence[Problem]) -> PromptSource:
        """Return the prompt source of a model with these options, and with the tokenizer in `directory`."""
        return cls(config.generation, directory, config.max_prompt_tokens, tuple(few_shot), config.prompts)

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
        """The prompt builder, which loads the tokenizer once per process."""
        model = localize(self.model)
        count = load_token_counter(self.generation, model)
        if self.options.style == "plain":
            style: PlainStyle | ChatStyle = PlainStyle(self.templates)
        else:
            style = ChatStyle(self.templates, load_render(model), self.options.system or "")
        return PromptBuilder(count, self.max_prompt_tokens, self.examples, style)

    @property
    def continued(self) -> bool:
        """Whether a completion continues the prompt's text, rather than answers a chat."""
        served = self.generation.openai is not None and self.generation.openai.api == "chat"
        return self.options.style == "plain" and not served

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "builder"}
