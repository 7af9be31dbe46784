"""The token ids that generation and training need, which ids a model can be fed, and how many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import GenerationConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from rayboot.errors import UserError

_QUESTION, _ANSWER = "the-question", "the-answer"


@dataclass(frozen=True)
class Ends:
    """The tokens that end a completion, all that anyone names: the tokenizer, the generation config, and the chat
    template, which may end a turn with another token than a text."""

    ids: tuple[int, ...]
    """There may be none."""
    turn: int | None
    """The one that ends a turn of a chat; None without a chat template, or where it ends turns with plain text."""
    opening: str
    """How a prompt ends after which an answer is written; empty without a chat template."""

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, defaults: GenerationConfig, size: int) -> Ends:
        """Args:
        defaults: The checkpoint's own generation config.
        size: Number of the model's embeddings; ids outside are of no use.
        """
        opening, turn = _chat_turn(tokenizer)
        named = (tokenizer.eos_token_id, *_as_tuple(defaults.eos_token_id), turn)
        ids = tuple(dict.fromkeys(id for id in named if id is not None and 0 <= id < size))
        return cls(ids=ids, turn=turn if turn in ids else None, opening=opening)

    def after(self, prompt: str) -> int:
        """The end to teach after a prompt: that of a turn after a chat's, the tokenizer's own after others."""
        if self.turn is not None and self.opening and prompt.endswith(self.opening):
            return self.turn
        return self.ids[0]


@dataclass(frozen=True)
class SpecialTokens:
    """The checkpoint's ids; the tokenizer's where it names none."""

    ends: tuple[int, ...]
    """Tokens that end a sequence; there may be none."""
    pad: int
    """Any id that the model has an embedding for: the attention mask tells padding apart."""
    decoder_start: int | None
    """The first token of an encoder-decoder's completion, not part of it."""
    forced_first: int | None
    """What some encoder-decoders must write first, such as BART's language."""

    @classmethod
    def of(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
        """Raises:
        UserError: The model is an encoder-decoder, and has no embedding for the token that it is to begin with.
        """
        named, size = model.generation_config, table_size(model.config)
        start = named.decoder_start_token_id
        start = start if start is not None else named.bos_token_id
        first = named.forced_bos_token_id
        if model.config.is_encoder_decoder:
            for name, id in (("decoder_start_token_id", start), ("forced_bos_token_id", first)):
                check_ids([] if id is None else [id], size, tokenizer, f"the generation config's {name}")
        return cls(
            ends=Ends.of(tokenizer, named, size).ids,
            pad=pad_within(size, named.pad_token_id, tokenizer.pad_token_id),
            decoder_start=start,
            forced_first=first if model.config.is_encoder_decoder else None,
        )

    def generation_config(self, **settings: object) -> GenerationConfig:
        """These ids, with settings, for `model.generate`."""
        return GenerationConfig(  # type: ignore[no-untyped-call]
            eos_token_id=list(self.ends) or None,
            pad_token_id=self.pad,
            decoder_start_token_id=self.decoder_start,
            forced_bos_token_id=self.forced_first,
            **settings,
        )


def load_defaults(model: str, config: PreTrainedConfig) -> GenerationConfig:
    """The generation config of a model directory; where it has none, what its config says."""
    try:
        return GenerationConfig.from_pretrained(model)
    except OSError:
        return GenerationConfig.from_model_config(config)


def table_size(config: PreTrainedConfig) -> int:
    """Number of the model's embeddings, which may be more or fewer than the tokenizer has tokens."""
    size: int = config.get_text_config().vocab_size
    return size


def pad_within(size: int, *wished: int | None) -> int:
    """The first of these ids that has an embedding; 0 where none has."""
    return next((id for id in wished if id is not None and 0 <= id < size), 0)


def with_sound_pad(config: PreTrainedConfig) -> PreTrainedConfig:
    """The config, with another pad token where it names one that has no embedding: such a model cannot be built."""
    pad: int | None = getattr(config, "pad_token_id", None)
    if (pad is None and config.is_encoder_decoder) or (pad is not None and not 0 <= pad < table_size(config)):
        # Encoder-decoders need one to shift labels; where a causal model has one, its embedding is not trained.
        setattr(config, "pad_token_id", 0 if config.is_encoder_decoder else None)  # noqa: B010  most configs have it
    return config


def check_ids(ids: Iterable[int], size: int, tokenizer: PreTrainedTokenizerBase, what: str) -> None:
    """Check that the model has an embedding for each of these tokens.

    Raises:
        UserError: It has none for one of them, which is named.
    """
    for id in ids:
        if not 0 <= id < size:
            token = tokenizer.convert_ids_to_tokens(id) if id >= 0 else None
            raise UserError(
                f"{what}: the model has no embedding for token {id} ({token!r}), only for 0 to {size - 1}: use the "
                "tokenizer that the model was trained with, or save the model again after "
                "model.resize_token_embeddings"
            )


def _chat_turn(tokenizer: PreTrainedTokenizerBase) -> tuple[str, int | None]:
    """How the chat template opens an answer, and the token with which it ends one, if it does."""
    question = {"role": "user", "content": _QUESTION}
    chat = [question, {"role": "assistant", "content": _ANSWER}, question]
    try:
        asked, answered, again = (
            _render(tokenizer, chat[:1], add_generation_prompt=True),
            _render(tokenizer, chat[:2]),
            _render(tokenizer, chat).rpartition(_QUESTION)[0],
        )
    except (
        Exception
    ):  # there is no template, or it refuses these messages: a program, that raises what it likes
        return "", None
    opening = asked.rpartition(_QUESTION)[2]
    begins = {tokenizer.bos_token_id} - {tokenizer.eos_token_id}
    # Templates that end no turn leave it to the token that begins the next one.
    for text in (answered, again):
        for id in tokenizer(text.rpartition(_ANSWER)[2], add_special_tokens=False)["input_ids"]:
            if id in tokenizer.added_tokens_decoder and id not in begins:
                return opening, id
    return opening, None


def _render(tokenizer: PreTrainedTokenizerBase, chat: Sequence[dict[str, str]], **options: Any) -> str:
    return str(tokenizer.apply_chat_template(list(chat), tokenize=False, **options))


def _as_tuple(ids: int | Sequence[int] | None) -> tuple[int, ...]:
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)


class ContextLimit:
    """The model's context, from `max_position_embeddings`; models with relative positions (T5) have none."""

    def __init__(
        self, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, longest: int | None = None
    ) -> None:
        """`longest`: what the engine allows, where that is less."""
        positions: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
        self._positions = min((limit for limit in (positions, longest) if limit is not None), default=None)
        self._size, self._tokenizer = table_size(config), tokenizer
        self._shared = not config.is_encoder_decoder

    def check(self, prompt: Sequence[int], max_tokens: int, tag: str) -> None:
        """Check one request. An encoder-decoder reads and writes in a context each, others in a shared one.

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
        needed = prompt_tokens + max_tokens if self._shared else max(prompt_tokens, max_tokens)
        if needed > self._positions:
            raise ValueError(
                f"{name}: {prompt_tokens} prompt tokens and max_tokens {max_tokens} do not fit "
                f"the model's context of {self._positions} tokens"
            )
