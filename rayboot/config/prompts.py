"""The section of a recipe about what the model is asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rayboot.values import Section


class PromptsConfig(Section):
    """How problems become prompts. docs/prompts.md has the templates."""

    style: Literal["plain", "chat"] = "plain"
    """`plain`: text that the completion goes on with. `chat`: messages in the form that the model's tokenizer gives
    them; the answer's fenced code is the program, and no stop strings are used."""
    system: str | None = Field(default=None, min_length=1)
    """The system message of a chat; null: none, or what the model's own template puts there."""
    templates: dict[str, str] = Field(default={})
    """YAML files, or names of other templates, to use in place of packaged ones, as in `{apps: my_apps.yaml}`."""

    @model_validator(mode="after")
    def _a_system_message_needs_a_chat(self) -> PromptsConfig:
        if self.system is not None and self.style != "chat":
            raise ValueError("system has no effect in plain text: it needs style: chat")
        return self
