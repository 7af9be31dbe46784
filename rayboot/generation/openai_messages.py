"""What is sent to a server with the OpenAI API, and what it sends back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, Literal

from pydantic import BaseModel, Field

from rayboot.config.generation import OpenAIConfig
from rayboot.generation.base import Completion, GenerationRequest

PATHS = {"completions": "/completions", "chat": "/chat/completions"}

_SEEDS = 2**31
"""Servers take seeds of this size; some take no larger ones."""


def request_body(config: OpenAIConfig, request: GenerationRequest, seeds: Sequence[int]) -> dict[str, Any]:
    """The JSON of the API request for a prompt's samples with these seeds.

    A greedy request has no `top_p`, `seed` and `n`: they would change nothing, and some servers refuse them there.
    One that samples has its `top_p` even where it is 1: a server may have another default.
    """
    params = request.params
    body: dict[str, Any] = {"model": config.model, "temperature": params.temperature}
    if config.api == "chat":
        body["messages"] = [{"role": "user", "content": request.prompt}]
        body[config.chat_token_limit] = params.max_tokens
    else:
        body["prompt"] = request.prompt
        body["max_tokens"] = params.max_tokens
    if params.stop:
        body["stop"] = list(params.stop)
    if params.temperature > 0:
        body |= {"top_p": params.top_p, "seed": seeds[0] % _SEEDS}
        if len(seeds) > 1:
            body["n"] = len(seeds)
    return body


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    index: int = 0
    text: str | None = None
    message: _Message = _Message()
    finish_reason: str | None = None

    @property
    def words(self) -> str:
        """The text of either API; a chat model that refuses, or that only thought, has none."""
        return self.text or self.message.content or ""


class _Tokens(BaseModel):
    prompt_tokens: int
    completion_tokens: int


class Answer(BaseModel):
    """What rayboot reads of an answer; servers send more."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Tokens

    def completions(self) -> list[Completion]:
        """The samples, in order. The API tells the tokens of all together: they are shared out by length of text."""
        choices = sorted(self.choices, key=lambda choice: choice.index)
        tokens = share_out(self.usage.completion_tokens, [choice.words for choice in choices])
        return [
            Completion(text=choice.words, tokens=count, finish_reason=_finish_reason(choice.finish_reason))
            for choice, count in zip(choices, tokens, strict=True)
        ]


def share_out(tokens: int, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, in proportion to its bytes and its end; the sum is exactly `tokens`."""
    lengths = [len(text.encode("utf-8", "surrogatepass")) + 1 for text in texts]
    ends = [round(tokens * end / sum(lengths)) for end in accumulate(lengths)]
    return [end - start for start, end in pairwise([0, *ends])]


def _finish_reason(reason: str | None) -> Literal["stop", "length", "abort"]:
    """Whatever else a server says, such as `content_filter`, is no completion that ended by itself."""
    if reason == "stop":
        return "stop"
    return "length" if reason == "length" else "abort"
