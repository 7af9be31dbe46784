"""The contract between the loop and the engines that write completions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import BeforeValidator

from rayboot.errors import RaybootError
from rayboot.problems.types import clean
from rayboot.values import Frozen


class Usage(Frozen):
    """What was asked of a provider, and what it cost; nothing, where an engine runs the model itself."""

    requests: int = 0
    """API requests, without their repetitions. A request for a prompt is several where the server gives one sample
    at a time."""
    retries: int = 0
    """Repetitions, after a rate limit, a server's error or a lost connection."""
    prompt_tokens: int = 0
    """As the server counts and bills them: a prompt once for each of its requests."""
    completion_tokens: int = 0
    """With those of samples that no one kept, and those that a model thought and did not show."""
    cost: float = 0.0
    """Tokens at the recipe's prices, in its currency."""


class Meter:
    """Counts requests as they are sent, and tokens as they are answered."""

    def __init__(self, input_price: float, output_price: float) -> None:
        """Prices are of a million tokens."""
        self._input_price = input_price
        self._output_price = output_price
        self._requests = 0
        self._retries = 0
        self._prompt_tokens = 0
        self._completion_tokens = 0

    def sent(self, again: bool) -> None:
        """Count a request that goes out, for the first time or `again`."""
        if again:
            self._retries += 1
        else:
            self._requests += 1

    def answered(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Count what an answer says that it used."""
        self._prompt_tokens += prompt_tokens
        self._completion_tokens += completion_tokens

    @property
    def usage(self) -> Usage:
        paid = self._prompt_tokens * self._input_price + self._completion_tokens * self._output_price
        return Usage(
            requests=self._requests,
            retries=self._retries,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            cost=paid / 1e6,
        )


TokenCounter = Callable[[str], int]
"""Number of tokens of a text, as the model's tokenizer counts them."""


class SamplingParams(Frozen):
    """How completions are drawn. Names and meanings are those of vLLM and of the OpenAI API."""

    temperature: float = 0.0
    """0 is greedy decoding."""
    top_p: float = 1.0
    max_tokens: int = 512
    """Tokens of the completion at most."""
    num_beams: int = 1
    """More than 1: beam search, with temperature 0 and one sample."""
    stop: tuple[str, ...] = ()
    """Texts that end a completion; they are not part of it."""
    logprobs: bool = False
    """Return each sampled token's log-probability; not with beams."""


class GenerationRequest(Frozen):
    """A prompt, and one seed for each sample that is wanted."""

    prompt: str
    seeds: tuple[int, ...]
    """As many completions as seeds. A sample's seed alone decides its randomness, whatever shares its batch."""
    params: SamplingParams
    tag: str = ""
    """Names the request for engines that look answers up: the attempt's id without its sample."""


class Completion(Frozen):
    text: Annotated[str, BeforeValidator(clean)]
    """What the model wrote, as text that can be stored and sent: see `clean`."""
    tokens: int
    """Tokens that the model generated, the end-of-sequence token included."""
    finish_reason: Literal["stop", "length", "abort"]
    token_ids: tuple[int, ...] = ()
    """The tokens themselves, by the policy's tokenizer; empty where an engine does not tell."""
    logprobs: tuple[float, ...] = ()
    """Natural log-probability of each token under the model, before temperature and top_p; empty unless asked for."""

    @property
    def is_missing(self) -> bool:
        """Whether the engine gave no answer at all, which says nothing about the model."""
        return self.finish_reason == "abort" and not self.tokens and not self.text


class GenerationResult(Frozen):
    """The completions of one request, in the order of its seeds."""

    completions: tuple[Completion, ...]
    prompt_tokens: int
    """Tokens of the prompt, counted once however many samples were drawn."""
    version: int
    """Version of the weights that wrote them."""
    cached_tokens: int = 0
    """Tokens of the prompt that the engine did not have to compute, over all samples."""


class EngineDied(RaybootError):
    """The engine is lost, and with it what was in flight: its process must be replaced."""


class Generator(Protocol):
    """One engine with one copy of a model. Calls may overlap: the engine batches what is in flight."""

    @property
    def version(self) -> int:
        """Version of the weights in use: 0 for the pretrained model, then as `publish` says."""

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Answer the requests, in order.

        Raises:
            ValueError: A prompt and its completion do not fit the model's context.
            EngineDied: See there.
        """

    async def publish(self, checkpoint: str, version: int) -> None:
        """Load the weights of `checkpoint` (a Hugging Face directory) in place, after what is in flight."""

    async def close(self) -> None:
        """Give back memory and processes."""


@runtime_checkable
class Sleeper(Protocol):
    """An engine that can leave its GPU to others."""

    async def sleep(self) -> None:
        """Give back the GPU's memory until the next `publish`, after what is in flight."""


@runtime_checkable
class Billed(Protocol):
    """An engine that asks a provider, who wants to be paid."""

    @property
    def usage(self) -> Usage:
        """What was asked since the engine's start, and what it cost."""
