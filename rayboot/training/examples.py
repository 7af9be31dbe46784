"""Encode training examples as token ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from transformers import GenerationConfig

from rayboot.errors import UserError
from rayboot.models.codec import CompletionCodec
from rayboot.models.loading import encode
from rayboot.models.special_tokens import EndTokens, check_ids

IGNORED = -100
"""Label of a position without loss: the default `ignore_index` of torch's cross entropy."""


class Encoded(TypedDict):
    """Token ids of one example. For a causal model both lists have the same length."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class EncodedSet:
    examples: list[Encoded]
    dropped: int
    """Number of examples that were too long."""
    tokens: int
    """Completion tokens of all examples."""


class Encoder:
    """Encodes examples with the boundary between prompt and completion where generation has it.

    Prompt and completion are tokenised separately: the model continues from the prompt's own tokens, and tokenising
    both as one text can merge across the boundary. A completion ends with a token that ends generation.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        encoder_decoder: bool,
        max_prompt_tokens: int,
        max_completion_tokens: int,
        max_tokens: int | None,
        size: int | None = None,
        defaults: GenerationConfig | None = None,
    ) -> None:
        """Args:
            max_tokens: The model's context in tokens, for prompt and completion together; None: no limit.
            size: Number of the model's embeddings; by default the tokenizer's number of tokens.
            defaults: The model's generation config, which may name end tokens that the tokenizer does not.

        Raises:
            UserError: No end-of-sequence token has an embedding.
        """
        self._tokenizer = tokenizer
        self._codec = CompletionCodec(tokenizer, continues=not encoder_decoder)
        self._size = 1 + max(tokenizer.get_vocab().values()) if size is None else size
        defaults = defaults or GenerationConfig()  # type: ignore[no-untyped-call]
        self._ends = EndTokens.of(tokenizer, defaults, self._size)
        if not self._ends.ids:
            raise UserError(
                f"{tokenizer.name_or_path}: neither the tokenizer nor the generation config names an end-of-sequence "
                "token that the model has an embedding for, and training needs one"
            )
        self._encoder_decoder = encoder_decoder
        self._max_prompt_tokens = max_prompt_tokens
        self._max_completion_tokens = max_completion_tokens
        self._max_tokens = max_tokens

    def encode(self, pairs: list[tuple[str, str]]) -> EncodedSet:
        """Encode pairs of prompt and completion in order. Examples that are too long are dropped and counted.

        Raises:
            UserError: The model has no embedding for one of the tokens.
        """
        examples: list[Encoded] = []
        tokens = dropped = 0
        for prompt, completion in pairs:
            prompt_ids = encode(self._tokenizer, prompt, continues=not self._encoder_decoder)
            completion_ids = [*self._codec.encode(completion), self._ends.for_prompt(prompt)]
            check_ids(prompt_ids + completion_ids, self._size, self._tokenizer, "a training example")
            if self._fits(len(prompt_ids), len(completion_ids)):
                examples.append(self._join(prompt_ids, completion_ids))
                tokens += len(completion_ids)
            else:
                dropped += 1
        return EncodedSet(examples=examples, dropped=dropped, tokens=tokens)

    def _fits(self, prompt: int, completion: int) -> bool:
        return (
            prompt <= self._max_prompt_tokens
            and completion <= self._max_completion_tokens
            and (self._max_tokens is None or prompt + completion <= self._max_tokens)
        )

    def _join(self, prompt: list[int], completion: list[int]) -> Encoded:
        if self._encoder_decoder:
            return Encoded(input_ids=prompt, labels=completion)
        return Encoded(input_ids=prompt + completion, labels=[IGNORED] * len(prompt) + completion)
