"""Encode training examples as token ids."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TypedDict

from transformers import GenerationConfig, PreTrainedTokenizerBase

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


FILLER = Encoded(input_ids=[0], labels=[IGNORED])
"""An example without loss, with which batches are filled up so that every worker gets an equal share."""


@dataclass(frozen=True)
class EncodedSet:
    examples: list[Encoded]
    dropped: int
    """Number of examples that were too long."""
    tokens: int
    """Completion tokens of all examples."""


@dataclass
class Encoder:
    """Encodes examples with the boundary between prompt and completion where generation has it.

    Prompt and completion are tokenised separately: the model continues from the prompt's own tokens, and tokenising
    both as one text can merge across the boundary. A completion ends with a token that ends generation.
    """

    tokenizer: PreTrainedTokenizerBase
    _: KW_ONLY
    encoder_decoder: bool
    max_prompt_tokens: int
    max_completion_tokens: int
    max_tokens: int | None
    """The model's context in tokens, for prompt and completion together; None: no limit."""
    size: int | None = None
    """Number of the model's embeddings; by default the tokenizer's number of tokens."""
    defaults: GenerationConfig | None = None
    """The model's generation config, which may name end tokens that the tokenizer does not."""

    def __post_init__(self) -> None:
        """Raise UserError if no end-of-sequence token has an embedding."""
        self._codec = CompletionCodec(self.tokenizer, continues=not self.encoder_decoder)
        self._size = 1 + max(self.tokenizer.get_vocab().values()) if self.size is None else self.size
        defaults = self.defaults or GenerationConfig()  # type: ignore[no-untyped-call]
        self._ends = EndTokens.of(self.tokenizer, defaults, self._size)
        if not self._ends.ids:
            raise UserError(
                f"{self.tokenizer.name_or_path}: neither the tokenizer nor the generation config names an "
                "end-of-sequence token that the model has an embedding for, and training needs one"
            )

    def encode(self, pairs: list[tuple[str, str]]) -> EncodedSet:
        """Encode pairs of prompt and completion in order. Examples that are too long are dropped and counted.

        Raise UserError if the model has no embedding for one of the tokens.
        """
        examples: list[Encoded] = []
        tokens = dropped = 0
        for text, completion_text in pairs:
            prompt = encode(self.tokenizer, text, continues=not self.encoder_decoder)
            completion = [*self._codec.encode(completion_text), self._ends.for_prompt(text)]
            check_ids(prompt + completion, self._size, self.tokenizer, "a training example")
            if (
                len(prompt) > self.max_prompt_tokens
                or len(completion) > self.max_completion_tokens
                or (self.max_tokens is not None and len(prompt + completion) > self.max_tokens)
            ):
                dropped += 1
                continue
            tokens += len(completion)
            if self.encoder_decoder:
                examples.append(Encoded(input_ids=prompt, labels=completion))
            else:
                labels = [IGNORED] * len(prompt) + completion
                examples.append(Encoded(input_ids=prompt + completion, labels=labels))
        return EncodedSet(examples=examples, dropped=dropped, tokens=tokens)
