"""Token ids that generation and training need, valid ids of a model, and its context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import GenerationConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from rayboot.errors import UserError

_QUESTION, _ANSWER = "the-question", "the-answer"


@dataclass(frozen=True)
class EndTokens:
    """Tokens that end a completion, as named by the tokenizer, the generation config and the chat template.

    A chat template may end a turn with another token than the tokenizer ends a text.
    """

    ids: tuple[int, ...]
    """May be empty."""
    turn_end: int | None
    """The token that ends a turn of a chat; None without a chat template, or if it ends turns with plain text."""
    generation_prompt: str
    """End of a rendered chat after which the model generates an answer; empty without a chat template."""

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, defaults: GenerationConfig, size: int) -> EndTokens:
        """Args:
        tokenizer: The model's tokenizer.
        defaults: The checkpoint's own generation config.
        size: Number of the model's embeddings; ids outside are ignored.
        """
        generation_prompt, turn_end = _chat_turn(tokenizer)
        candidates = (tokenizer.eos_token_id, *_as_tuple(defaults.eos_token_id), turn_end)
        ids = tuple(dict.fromkeys(id for id in candidates if id is not None and 0 <= id < size))
        return cls(
            ids=ids, turn_end=turn_end if turn_end in ids else None, generation_prompt=generation_prompt
        )

    def for_prompt(self, prompt: str) -> int:
        """Return the end token to train after a prompt: a turn's after a chat, else the tokenizer's own."""
        if self.turn_end is not None and self.generation_prompt and prompt.endswith(self.generation_prompt):
            return self.turn_end
        return self.ids[0]


@dataclass(frozen=True)
class SpecialTokens:
    """Special token ids of the checkpoint, or of the tokenizer where the checkpoint has none."""

    ends: tuple[int, ...]
    """Tokens that end a sequence; may be empty."""
    pad: int
    """Any id with an embedding: padding is identified by the attention mask."""
    decoder_start: int | None
    """First token of an encoder-decoder's output, which is not part of the completion."""
    forced_first: int | None
    """First token that some encoder-decoders must generate, such as BART's language."""

    @classmethod
    def of(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
        """Raises:
        UserError: The model is an encoder-decoder without an embedding for the token that its output must start
            with.
        """
        defaults, size = model.generation_config, embedding_count(model.config)
        start = defaults.decoder_start_token_id
        start = start if start is not None else defaults.bos_token_id
        first = defaults.forced_bos_token_id
        if model.config.is_encoder_decoder:
            for name, id in (("decoder_start_token_id", start), ("forced_bos_token_id", first)):
                check_ids([] if id is None else [id], size, tokenizer, f"the generation config's {name}")
        return cls(
            ends=EndTokens.of(tokenizer, defaults, size).ids,
            pad=valid_pad(size, defaults.pad_token_id, tokenizer.pad_token_id),
            decoder_start=start,
            forced_first=first if model.config.is_encoder_decoder else None,
        )

    def generation_config(self, **settings: object) -> GenerationConfig:
        """Return a generation config with these ids and settings, for `model.generate`."""
        return GenerationConfig(  # type: ignore[no-untyped-call]
            eos_token_id=list(self.ends) or None,
            pad_token_id=self.pad,
            decoder_start_token_id=self.decoder_start,
            forced_bos_token_id=self.forced_first,
            **settings,
        )


def load_defaults(model: str, config: PreTrainedConfig) -> GenerationConfig:
    """Return the generation config of a model directory; if it has none, the one that its config implies."""
    try:
        return GenerationConfig.from_pretrained(model)
    except OSError:
        return GenerationConfig.from_model_config(config)


def embedding_count(config: PreTrainedConfig) -> int:
    """Return the number of the model's embeddings, which may differ from the tokenizer's number of tokens."""
    size: int = config.get_text_config().vocab_size
    return size


def valid_pad(size: int, *candidates: int | None) -> int:
    """Return the first of these ids that has an embedding; 0 if none has."""
    return next((id for id in candidates if id is not None and 0 <= id < size), 0)


def with_valid_pad(config: PreTrainedConfig) -> PreTrainedConfig:
    """Return the config with a valid pad token: a model whose pad token has no embedding cannot be built."""
    pad: int | None = getattr(config, "pad_token_id", None)
    if (pad is None and config.is_encoder_decoder) or (
        pad is not None and not 0 <= pad < embedding_count(config)
    ):
        # Encoder-decoders need a pad token to shift labels. A causal model does not train the embedding of its pad
        # token.
        setattr(config, "pad_token_id", 0 if config.is_encoder_decoder else None)  # noqa: B010  most configs have it
    return config


def check_ids(ids: Iterable[int], size: int, tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Check that the model has an embedding for each of these tokens.

    Raises:
        UserError: It has none for one of them, which the message names.
    """
    for id in ids:
        if not 0 <= id < size:
            token = tokenizer.convert_ids_to_tokens(id) if id >= 0 else None
            raise UserError(
                f"{source}: the model has no embedding for token {id} ({token!r}), only for 0 to {size - 1}: use the "
                "tokenizer that the model was trained with, or save the model again after "
                "model.resize_token_embeddings"
            )


def _chat_turn(tokenizer: PreTrainedTokenizerBase) -> tuple[str, int | None]:
    """Return the text with which the chat template opens an answer, and the token that ends one, if any."""
    question = {"role": "user", "content": _QUESTION}
    chat = [question, {"role": "assistant", "content": _ANSWER}, question]
    try:
        question_text, answer_text, next_turn_text = (
            _render(tokenizer, chat[:1], add_generation_prompt=True),
            _render(tokenizer, chat[:2]),
            _render(tokenizer, chat).rpartition(_QUESTION)[0],
        )
    except Exception:  # no template, or one that refuses these messages: it may raise anything
        return "", None
    generation_prompt = question_text.rpartition(_QUESTION)[2]
    bos = {tokenizer.bos_token_id} - {tokenizer.eos_token_id}
    # In templates without an end of turn, the token that begins the next turn ends one.
    for text in (answer_text, next_turn_text):
        for id in tokenizer(text.rpartition(_ANSWER)[2], add_special_tokens=False)["input_ids"]:
            if id in tokenizer.added_tokens_decoder and id not in bos:
                return generation_prompt, id
    return generation_prompt, None


def _render(tokenizer: PreTrainedTokenizerBase, chat: Sequence[dict[str, str]], **options: Any) -> str:
    return str(tokenizer.apply_chat_template(list(chat), tokenize=False, **options))


def _as_tuple(ids: int | Sequence[int] | None) -> tuple[int, ...]:
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)


class ContextLimit:
    """The model's context, `max_position_embeddings`; models with relative positions (T5) have no limit."""

    def __init__(
        self, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, max_length: int | None = None
    ) -> None:
        """Args:
        config: The model's config.
        tokenizer: The model's tokenizer.
        max_length: The engine's limit, if it has one.
        """
        positions: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
        self._positions = min((limit for limit in (positions, max_length) if limit is not None), default=None)
        self._size, self._tokenizer = embedding_count(config), tokenizer
        self._is_shared = not config.is_encoder_decoder

    def check(self, prompt: Sequence[int], max_tokens: int, tag: str) -> None:
        """Check one request. An encoder-decoder has separate contexts for prompt and completion, others a shared one.

        Raises:
            ValueError: The prompt has no token, or prompt and completion do not fit.
            UserError: The model has no embedding for one of the prompt's tokens.
        """
        name = f"request {tag!r}" if tag else "a request"
        prompt_tokens = len(prompt)
        if prompt_tokens == 0:
            raise ValueError(f"{name}: the prompt has no token")
        check_ids(prompt, self._size, self._tokenizer, f"{name}: the prompt")
        if self._positions is None:
            return
        needed = prompt_tokens + max_tokens if self._is_shared else max(prompt_tokens, max_tokens)
        if needed > self._positions:
            raise ValueError(
                f"{name}: {prompt_tokens} prompt tokens and max_tokens {max_tokens} do not fit "
                f"the model's context of {self._positions} tokens"
            )
