"""Tokens of prompts; text of a completion's tokens, and tokens of its text, as they follow a prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import groupby

from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from rayboot.errors import UserError
from rayboot.models.loading import encode
from rayboot.models.special_tokens import check_ids, embedding_count

_DECODE_ANCHORS = ("x", "1", ".")
_ENCODE_ANCHORS = ("\n", "x", ":", "1", "\x01")
"""For any text, at least one of these strings can precede it without a token that spans both."""

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class CompletionCodec:
    """Decodes and encodes completions; each is the inverse of the other.

    SentencePiece tokenizers (Llama 2, CodeLlama, Mistral) prepend a space to a text, and drop the first space of a
    decoded text. A completion continues a text, so its first space is part of it. It is therefore decoded and encoded
    after an anchor, whose text and tokens are then removed. A completion of an encoder-decoder does not continue a
    text (`continues`), and has no anchor.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, continues: bool = True) -> None:
        self._tokenizer = tokenizer
        self._continues = continues
        anchors = ((ids, self._detokenize(ids)) for ids in map(self._tokenize, _DECODE_ANCHORS))
        usable = ((ids, text) for ids, text in anchors if text and ids[-1] not in self._byte_tokens)
        self._anchor, self._anchor_text = next(usable, ([], ""))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the generated text without special tokens. An incomplete character is U+FFFD."""
        text = self._decode(tokens, self._continues)
        if "\ufffd" not in text or not self._byte_tokens:
            return text
        # The tokenizer replaces a whole run of byte tokens, line breaks included, if one is not UTF-8.
        text = ""
        for is_byte, run in groupby(tokens, key=self._byte_tokens.__contains__):
            if is_byte:
                text += bytes(self._byte_tokens[token] for token in run).decode(errors="replace")
            else:
                text += self._decode(list(run), self._continues or bool(text))
        return text

    def encode(self, text: str) -> list[int]:
        """Return the tokens with which a model generates the text. Strings like special tokens are text."""
        ids = self._encode_after_anchor(text)
        if self._added_tokens is None or self.decode(ids) == text:
            return ids
        # A space may be inserted after added tokens that are not special, as at the beginning of a text.
        pieces = filter(None, self._added_tokens.split(text))
        return [token for piece in pieces for token in self._encode_after_anchor(piece)]

    def decode_each(self, size: int) -> list[str]:
        """Return the text that each token id below `size` adds to a text."""
        return [self._decode([token], after_anchor=True) for token in range(size)]

    def _decode(self, tokens: Sequence[int], after_anchor: bool) -> str:
        text = self._detokenize([*self._anchor, *tokens]) if after_anchor else ""
        if self._anchor_text and text.startswith(self._anchor_text):
            return text[len(self._anchor_text) :]
        return self._detokenize(tokens)

    def _encode_after_anchor(self, text: str) -> list[int]:
        candidates: list[list[int]] = []
        for anchor in _ENCODE_ANCHORS if self._continues else ():
            before, joined = self._tokenize(anchor), self._tokenize(anchor + text)
            if joined[: len(before)] == before:
                candidates.append(joined[len(before) :])
                if self.decode(candidates[-1]) == text:
                    return candidates[-1]
        return candidates[0] if candidates else self._tokenize(text)

    def _detokenize(self, tokens: Sequence[int]) -> str:
        visible = [token for token in tokens if token not in self._special]
        return str(
            self._tokenizer.decode(visible, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def _tokenize(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(
            text, add_special_tokens=False, split_special_tokens=True, verbose=False
        )["input_ids"]
        return ids

    @cached_property
    def _byte_tokens(self) -> dict[int, int]:
        """Value of each token that stands for a single byte, such as <0x0A>, by token id."""
        found = ((id, _BYTE.fullmatch(token)) for token, id in self._tokenizer.get_vocab().items())
        bytes_ = {id: int(match[1], 16) for id, match in found if match is not None}
        return bytes_ if len(bytes_) == 256 else {}

    @cached_property
    def _special(self) -> set[int]:
        """Special tokens. Byte tokens are text even if they are marked as special."""
        added = self._tokenizer.added_tokens_decoder.items()
        special = {id for id, token in added if token.special}
        return (special | set(self._tokenizer.all_special_ids)) - self._byte_tokens.keys()

    @cached_property
    def _added_tokens(self) -> re.Pattern[str] | None:
        """Pattern of the added tokens that are not special."""
        added = self._tokenizer.added_tokens_decoder.values()
        contents = sorted((token.content for token in added if not token.special), key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, contents)) + ")") if contents else None


class PromptEncoder:
    """Encodes prompts for a model, in an engine that may limit its context to `max_length` tokens."""

    def __init__(
        self, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, max_length: int | None = None
    ) -> None:
        # Models with relative positions (T5) have no limit.
        positions: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
        self._positions = min((limit for limit in (positions, max_length) if limit is not None), default=None)
        self._size, self._tokenizer = embedding_count(config), tokenizer
        self._is_causal = not config.is_encoder_decoder

    def encode(self, prompt: str, max_tokens: int, tag: str) -> list[int]:
        """Return the tokens of one request's prompt.

        Raise UserError if it has no token, or one without an embedding, or if prompt and completion do not fit
        the context, which an encoder-decoder has for each, and other models for both together.
        """
        ids = encode(self._tokenizer, prompt, continues=self._is_causal)
        name = f"request {tag!r}" if tag else "a request"
        if not ids:
            raise UserError(f"{name}: the prompt has no token")
        check_ids(ids, self._size, self._tokenizer, f"{name}: the prompt")
        needed = len(ids) + max_tokens if self._is_causal else max(len(ids), max_tokens)
        if self._positions is not None and needed > self._positions:
            raise UserError(
                f"{name}: {len(ids)} prompt tokens and max_tokens {max_tokens} do not fit "
                f"the model's context of {self._positions} tokens"
            )
        return ids
