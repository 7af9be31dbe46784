"""Requests to a server with the OpenAI API, and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, OnErrorOmit, model_validator

from rayboot.config import OpenAIConfig
from rayboot.engines.base import Completion, GenerationRequest
from rayboot.problems.types import clean

PATHS = {"completions": "/completions", "chat": "/chat/completions"}

_SEED_RANGE = 2**31
"""Seeds are taken modulo this: some servers reject larger ones."""
_FAILURE_REASONS = ("error", "network_error", "insufficient_system_resource")
"""Finish reasons of a provider's failure (OpenRouter and vLLM, Zhipu, DeepSeek). The model did not end there."""
_FILTER_REASONS = ("content_filter", "sensitive")
"""Finish reasons of a completion that a content filter withheld (OpenAI, Zhipu)."""
_END_REASONS: dict[str | None, Literal["stop", "length"]] = {"stop": "stop", "length": "length"}
"""Finish reasons with which the model itself ended, or was cut."""


def request_body(config: OpenAIConfig, request: GenerationRequest, seeds: Sequence[int]) -> dict[str, object]:
    """Return the JSON body of the API request for a prompt's samples with these seeds.

    A greedy request has no `top_p`, `seed` and `n`: they have no effect, and some servers refuse them there. A sampling
    request states its `top_p` even if it is 1: a server may have another default.
    """
    params = request.params
    body: dict[str, object] = {"model": config.model, "temperature": params.temperature}
    if config.api == "chat":
        body["messages"] = [{"role": "user", "content": request.prompt}]
        body[config.chat_token_limit] = params.max_tokens
    else:
        body["prompt"] = request.prompt
        body["max_tokens"] = params.max_tokens
    if params.stop:
        body["stop"] = list(params.stop)
    if params.temperature > 0:
        body |= {"top_p": params.top_p, "seed": seeds[0] % _SEED_RANGE}
        if len(seeds) > 1:
            body["n"] = len(seeds)
    return body


def _none_unless(kind: type) -> BeforeValidator:
    """Replace a value of another type by None: a bad detail must not invalidate an answer."""
    return BeforeValidator(lambda value: value if isinstance(value, kind) else None)


def _joined(content: object) -> str:
    """Return a message's text, or its joined text parts; empty if the model refused or only reasoned."""
    return "".join(map(_text, content if isinstance(content, list) else [content]))


def _text(part: object) -> str:
    if isinstance(part, dict) and (part.get("type") or "text") not in ("text", "output_text"):
        return ""
    for key in ("text", "value"):
        part = part.get(key, part) if isinstance(part, dict) else part
    if not isinstance(part, str | None):
        raise ValueError("neither text nor parts of text")
    return part or ""


class _Message(BaseModel):
    content: Annotated[str, BeforeValidator(_joined)] = ""


class Choice(BaseModel):
    """One sample."""

    index: Annotated[int | None, _none_unless(int)] = None
    text: str | None = None
    message: _Message | None = None
    finish_reason: Annotated[str | None, _none_unless(str)] = None
    error: object = None

    @model_validator(mode="after")
    def _is_a_sample(self) -> Self:
        """Reject a provider's failure, whatever text precedes it."""
        if self.error or self.finish_reason in _FAILURE_REASONS:
            raise ValueError("the provider failed")
        if self.text is None and self.message is None:
            raise ValueError("neither text nor message")
        if self.finish_reason is None and not self.generated_text:
            raise ValueError("neither text nor finish reason")
        return self

    @property
    def generated_text(self) -> str:
        """The text in the form of either API."""
        return self.text or (self.message.content if self.message else "")

    def completion(self, tokens: int) -> Completion:
        """Return the sample as a completion of `tokens` tokens.

        If a filter left nothing of it, it says nothing about the model: with 0 tokens it counts as missing.
        """
        text = self.generated_text
        return Completion(
            text=text,
            tokens=0 if self.finish_reason in _FILTER_REASONS and not text else tokens,
            finish_reason=_END_REASONS.get(self.finish_reason, "abort"),
        )


def _count(usage: object, name: str) -> int | None:
    """Return a number of tokens from an answer's `usage`; None if the server does not give it."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return int(count) if isinstance(count, int | float) and 0 <= count < 2**53 else None


class Answer(BaseModel):
    """The fields of an answer that rayboot reads. Servers send more, and some send less."""

    choices: Annotated[list[OnErrorOmit[Choice]], Field(min_length=1)]
    """The valid ones: one that failed does not invalidate the others."""
    usage: object = None
    error: object = None

    @model_validator(mode="after")
    def _has_no_error(self) -> Self:
        if self.error:
            raise ValueError("the provider failed")
        return self

    @property
    def prompt_tokens(self) -> int:
        """Prompt tokens as the server counts them; 0 if it does not."""
        return _count(self.usage, "prompt_tokens") or 0

    @property
    def completion_tokens(self) -> int:
        """Tokens of all samples as the server counts them; if it does not, 1 token per 4 bytes."""
        counted = _count(self.usage, "completion_tokens")
        if counted is not None:
            return counted
        return sum(-(-len(clean(choice.generated_text).encode()) // 4) for choice in self.choices)

    def completions(self) -> list[Completion]:
        """Return the samples, in order. The API's total of tokens is apportioned by length of text."""
        choices = sorted(self.choices, key=lambda choice: choice.index or 0)
        tokens = apportion(self.completion_tokens, [choice.generated_text for choice in choices])
        return [choice.completion(count) for choice, count in zip(choices, tokens, strict=True)]


def apportion(tokens: int, texts: Sequence[str]) -> list[int]:
    """Split the tokens over the texts in proportion to their bytes plus one for the end. The sum is exact."""
    lengths = [len(text.encode("utf-8", "surrogatepass")) + 1 for text in texts]
    ends = [round(tokens * end / sum(lengths)) for end in accumulate(lengths)]
    return [end - start for start, end in pairwise([0, *ends])]
