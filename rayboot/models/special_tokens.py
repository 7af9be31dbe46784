"""Token ids that generation and training need, and valid ids of a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
        """Read them, with the checkpoint's own `defaults`, and ignore ids without one of `size` embeddings."""
        generation_prompt, turn_end = _chat_turn(tokenizer)
        configured = defaults.eos_token_id
        candidates = (
            tokenizer.eos_token_id,
            *([configured] if isinstance(configured, int | None) else configured),
            turn_end,
        )
        ids = tuple(dict.fromkeys(id for id in candidates if id is not None and 0 <= id < size))
        return cls(
            ids=ids, turn_end=turn_end if turn_end in ids else None, generation_prompt=generation_prompt
        )

    def for_prompt(self, prompt: str) -> int:
        """Return the end token to train after a prompt: a turn's after a chat, else the tokenizer's own."""
        if self.turn_end is not None and self.generation_prompt and prompt.endswith(self.generation_prompt):
            return self.turn_end
        return self.ids[0]


def special_tokens_config(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """Return a generation config with only the special tokens of the checkpoint, or else of its tokenizer.

    It has the tokens that end a sequence (None: no token does), any pad token with an embedding (the attention
    mask identifies padding) and, of an encoder-decoder, the token before its output and the first that some must
    generate, such as BART's language. Raise UserError if the model has no embedding for one of these two.
    """
    defaults, size = model.generation_config, embedding_count(model.config)
    start, first = defaults.decoder_start_token_id, None
    if start is None:
        start = defaults.bos_token_id
    if model.config.is_encoder_decoder:
        first = defaults.forced_bos_token_id
        for name, id in (("decoder_start_token_id", start), ("forced_bos_token_id", first)):
            check_ids([] if id is None else [id], size, tokenizer, f"the generation config's {name}")
    return GenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=list(EndTokens.of(tokenizer, defaults, size).ids) or None,
        pad_token_id=valid_pad(size, defaults.pad_token_id, tokenizer.pad_token_id),
        decoder_start_token_id=start,
        forced_bos_token_id=first,
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
        # Encoder-decoders need a pad token to shift labels. A causal model does not train its embedding.
        setattr(config, "pad_token_id", 0 if config.is_encoder_decoder else None)  # noqa: B010  most configs have it
    return config


def check_ids(ids: Iterable[int], size: int, tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Raise UserError, which names the token, unless the model has an embedding for each of these tokens."""
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
        question_text = str(
            tokenizer.apply_chat_template(chat[:1], tokenize=False, add_generation_prompt=True)
        )
        answer_text = str(tokenizer.apply_chat_template(chat[:2], tokenize=False))
        next_turn_text = str(tokenizer.apply_chat_template(chat, tokenize=False)).rpartition(_QUESTION)[0]
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
