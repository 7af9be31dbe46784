"""Recipe section `prompts`: how problems become prompts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rayboot.values import Section


class PromptsConfig(Section):
    """How problems become prompts. docs/prompts.md describes the templates."""

    style: Literal["plain", "chat"] = "plain"
    """`plain`: text that the completion continues. `chat`: messages, rendered by the chat template of the model's
    tokenizer; the fenced code of the answer is the program, and stop strings are not used."""
    system: str | None = Field(default=None, min_length=1)
    """System message of a chat; null: none, or the default of the model's chat template."""
    templates: dict[str, str] = Field(default={})
    """Replacements of packaged templates, by name: a YAML file or the name of another packaged template, as in
    `{apps: my_apps.yaml}`."""

    @model_validator(mode="after")
    def _a_system_message_needs_a_chat(self) -> PromptsConfig:
        if self.system is not None and self.style != "chat":
            raise ValueError("system has no effect with style: plain; it needs style: chat")
        return self
