"""The chat template of a model's tokenizer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rayboot.errors import UserError
from rayboot.prompts import Message, Render


def check_chat_model(model: str) -> None:
    """Check that a model directory is one to chat with, without importing transformers.

    Raises:
        UserError: It is an encoder-decoder, or its tokenizer has no chat template.
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
    """What makes a prompt of a chat, by the tokenizer in directory `model`.

    A beginning-of-text token that the tokenizer adds to every prompt is left out, where that makes no other
    difference: a server that gets the prompt would add it again.

    Raises:
        UserError: The directory has no tokenizer, or no chat template; the template refuses a message.
    """
    from rayboot.generation.loading import encode, load_tokenizer

    check_chat_model(model)
    tokenizer: Any = load_tokenizer(model)
    begin = tokenizer.bos_token
    added = begin is not None and encode(tokenizer, "x")[:1] == [tokenizer.bos_token_id]

    def render(chat: Sequence[Message]) -> str:
        try:
            text = str(tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template is a program, and raises what it likes
            roles = ", ".join(message["role"] for message in chat)
            raise UserError(
                f"the chat template of {model} refuses messages by {roles}: {error}; without prompts.system and "
                "few-shot examples there are fewer"
            ) from None
        if not added or not text.startswith(begin):
            return text
        bare = text.removeprefix(begin)
        # Some tokenizers write a word in another way after a token of that kind than at the beginning of a text.
        return bare if encode(tokenizer, bare) == encode(tokenizer, text) else text

    return render


def _json(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # checked where the model is loaded
    return data
