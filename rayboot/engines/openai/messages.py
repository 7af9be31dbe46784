"""What is sent to a server with the OpenAI API, and what it sends back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator, model_validator

from rayboot.config import OpenAIConfig
from rayboot.engines.base import Completion, GenerationRequest
from rayboot.problems.types import clean

PATHS = {"completions": "/completions", "chat": "/chat/completions"}

_SEEDS = 2**31
"""Servers take seeds of this size; some take no larger ones."""
_FAILED = ("error", "network_error", "insufficient_system_resource")
"""Finish reasons of a provider that failed: the model did not end there (OpenRouter and vLLM, Zhipu, DeepSeek)."""
_FILTERED = ("content_filter", "sensitive")
"""Finish reasons of a provider that keeps back what the model wrote (OpenAI, Zhipu)."""


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


def _if(*kinds: type) -> BeforeValidator:
    """What is not of these kinds is as good as not there: an answer is not lost for what is said about it."""
    return BeforeValidator(lambda value: value if isinstance(value, kinds) else None)


class _Message(BaseModel):
    content: str = ""
    """Text, or parts of which those of text are joined; nothing where a model refused or only thought."""

    @field_validator("content", mode="before")
    @classmethod
    def _joined(cls, content: Any) -> str:
        return "".join(map(_text, content if isinstance(content, list) else [content]))


def _text(part: Any) -> str:
    if isinstance(part, dict) and (part.get("type") or "text") not in ("text", "output_text"):
        return ""
    for key in ("text", "value"):
        part = part.get(key, part) if isinstance(part, dict) else part
    if not isinstance(part, str | None):
        raise ValueError("neither text nor parts of text")
    return part or ""


class Choice(BaseModel):
    """One sample."""

    index: Annotated[int | None, _if(int)] = None
    text: str | None = None
    message: _Message | None = None
    finish_reason: Annotated[str | None, _if(str)] = None
    error: Any = None

    @model_validator(mode="after")
    def _is_the_models(self) -> Self:
        """A provider's failure is no sample, whatever text came before it."""
        if self.error or self.finish_reason in _FAILED:
            raise ValueError("the provider failed")
        if self.text is None and self.message is None:
            raise ValueError("neither text nor message")
        if self.finish_reason is None and not self.words:
            raise ValueError("nothing was written, and nothing ended")
        return self

    @property
    def is_kept_back(self) -> bool:
        """Whether a filter left nothing of the sample, which then says nothing about the model."""
        return self.finish_reason in _FILTERED and not self.words

    @property
    def words(self) -> str:
        """The text of either API."""
        return self.text or (self.message.content if self.message else "")


_Count = Annotated[
    int | None,
    BeforeValidator(
        lambda count: int(count) if isinstance(count, int | float) and 0 <= count < 2**53 else None
    ),
]


class Tokens(BaseModel):
    """What a request is billed by."""

    prompt_tokens: _Count = None
    completion_tokens: _Count = None


def _samples(choices: Any) -> Any:
    """The choices that are samples: one that failed does not take the others with it."""
    if not isinstance(choices, list):
        return choices
    samples = []
    for choice in choices:
        with suppress(ValidationError):
            samples.append(Choice.model_validate(choice))
    return samples


class Answer(BaseModel):
    """What rayboot reads of an answer; servers send more, and some less."""

    choices: Annotated[list[Choice], BeforeValidator(_samples), Field(min_length=1)]
    usage: Annotated[Tokens | None, _if(dict, Tokens)] = None
    error: Any = None

    @model_validator(mode="after")
    def _has_no_error(self) -> Self:
        if self.error:
            raise ValueError("the provider failed")
        return self

    @property
    def prompt_tokens(self) -> int:
        """As the server counts them; 0 where it does not."""
        return (self.usage and self.usage.prompt_tokens) or 0

    @property
    def completion_tokens(self) -> int:
        """Of all samples together, as the server counts them; where it does not, 4 bytes are taken for a token."""
        if self.usage is not None and self.usage.completion_tokens is not None:
            return self.usage.completion_tokens
        return sum(-(-len(clean(choice.words).encode()) // 4) for choice in self.choices)

    def completions(self) -> list[Completion]:
        """The samples, in order. The API tells the tokens of all together: they are shared out by length of text.

        What a filter kept back is billed, and yet has no tokens here: there is no answer.
        """
        choices = sorted(self.choices, key=lambda choice: choice.index or 0)
        tokens = share_out(self.completion_tokens, [choice.words for choice in choices])
        return [
            Completion(
                text=choice.words,
                tokens=0 if choice.is_kept_back else count,
                finish_reason=_finish_reason(choice.finish_reason),
            )
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
