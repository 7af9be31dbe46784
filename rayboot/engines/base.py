"""The contract of engines, which generate completions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import BeforeValidator

from rayboot.errors import RaybootError
from rayboot.problems.types import clean
from rayboot.values import Frozen


class Usage(Frozen):
    """Use of a provider and its cost; zero where an engine runs the model itself."""

    requests: int = 0
    """API requests, without retries. A prompt may take more than one, if the server returns fewer samples than
    requested."""
    retries: int = 0
    """Retries after a rate limit, a server error or a lost connection."""
    prompt_tokens: int = 0
    """Prompt tokens as the server bills them: each request's prompt counts."""
    completion_tokens: int = 0
    """Completion tokens as the server bills them, including discarded samples and hidden reasoning."""
    cost: float = 0.0
    """Cost of the tokens at the recipe's prices, in the recipe's currency."""


TokenCounter = Callable[[str], int]
"""Returns the number of tokens of a string by the model's tokenizer."""


class SamplingParams(Frozen):
    """Sampling options. Names and meanings are those of vLLM and of the OpenAI API."""

    temperature: float = 0.0
    """0: greedy decoding."""
    top_p: float = 1.0
    max_tokens: int = 512
    """Maximum tokens of the completion."""
    num_beams: int = 1
    """More than 1: beam search, with temperature 0 and one sample."""
    stop: tuple[str, ...] = ()
    """Strings that end a completion. They are not part of it."""
    logprobs: bool = False
    """Return the log-probability of each sampled token; not with beam search."""


class GenerationRequest(Frozen):
    """A prompt, with a seed for each sample."""

    prompt: str
    seeds: tuple[int, ...]
    """One completion per seed. The seed alone determines the sample, whatever else is in the batch."""
    params: SamplingParams
    tag: str = ""
    """Key of the request in engines that look completions up: the attempt's id without its sample."""


class Completion(Frozen):
    text: Annotated[str, BeforeValidator(clean)]
    """Generated text, with characters replaced that cannot be stored or sent: see `clean`."""
    tokens: int
    """Number of generated tokens, including the end-of-sequence token."""
    finish_reason: Literal["stop", "length", "abort"]
    token_ids: tuple[int, ...] = ()
    """Ids of the generated tokens in the policy's tokenizer; empty if the engine does not return them."""
    logprobs: tuple[float, ...] = ()
    """Natural log-probability of each token under the model, before temperature and top_p; empty unless requested."""

    @property
    def is_missing(self) -> bool:
        """Whether the engine returned no answer at all, which says nothing about the model."""
        return self.finish_reason == "abort" and not self.tokens and not self.text


class GenerationResult(Frozen):
    """The completions of one request, in the order of its seeds."""

    completions: tuple[Completion, ...]
    prompt_tokens: int
    """Tokens of the prompt, counted once whatever the number of samples."""
    version: int
    """Version of the weights that generated them."""
    cached_tokens: int = 0
    """Prompt tokens that the engine did not have to compute, summed over samples."""


class EngineDied(RaybootError):
    """The engine and the requests in flight are lost: its process must be replaced.

    Other failures end the stage with their message: a `UserError`, or a `RaybootError` of a server.
    """


class Generator(Protocol):
    """An engine with one copy of a model. Calls may overlap: the engine batches requests in flight."""

    @property
    def version(self) -> int:
        """Version of the weights in use: 0 for the pretrained model, later the last `publish`'s."""

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Answer the requests, in order.

        Raise UserError if a prompt and its completion do not fit the model's context.
        """

    async def publish(self, checkpoint: str, version: int) -> None:
        """Load the weights of a Hugging Face directory in place, once the requests in flight are done."""

    async def close(self) -> None:
        """Free the memory, and stop the processes."""


@runtime_checkable
class Sleeper(Protocol):
    """An engine that can release its GPU memory."""

    async def sleep(self) -> None:
        """Free the GPU memory until the next `publish`, once the requests in flight are done."""


@runtime_checkable
class Billed(Protocol):
    """An engine that is billed by token."""

    @property
    def usage(self) -> Usage:
        """Use and cost since the engine's start."""
