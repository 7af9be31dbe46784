"""The text of a completion's tokens and the tokens of its text, as they stand behind a prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import groupby

from transformers import PreTrainedTokenizerBase

_READ_BEHIND = ("x", "1", ".")
_WRITE_BEHIND = ("\n", "x", ":", "1", "\x01")
"""Texts of which one lies before any text without a token that spans both."""

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class CompletionCodec:
    """Decodes and encodes completions, so that each undoes the other.

    Tokenizers of the sentencepiece kind (Llama 2, CodeLlama, Mistral) put a space before a text, and drop the first one
    of what they decode. A completion is no text of its own: its first space is part of it. So it is decoded and
    encoded behind an anchor, whose text and tokens are then taken off. What an encoder-decoder writes does begin a
    text, and has no anchor.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, continues: bool = True) -> None:
        """`continues`: a completion goes on where its prompt ends, as that of a causal model does."""
        self._tokenizer = tokenizer
        self._continues = continues
        anchors = ((ids, self._text(ids)) for ids in map(self._tokens, _READ_BEHIND))
        usable = ((ids, text) for ids, text in anchors if text and ids[-1] not in self._bytes)
        self._anchor, self._anchor_text = next(usable, ([], ""))

    def decode(self, tokens: Sequence[int]) -> str:
        """The text as it was written: no special tokens, no clean-up of spaces. A character whose bytes are not all
        there is U+FFFD."""
        text = self._read(tokens, self._continues)
        if "\ufffd" not in text or not self._bytes:
            return text
        # The tokenizer gives up a whole run of bytes, line breaks included, for one that is no UTF-8.
        text = ""
        for is_byte, run in groupby(tokens, key=self._bytes.__contains__):
            if is_byte:
                text += bytes(self._bytes[token] for token in run).decode(errors="replace")
            else:
                text += self._read(list(run), self._continues or bool(text))
        return text

    def encode(self, text: str) -> list[int]:
        """The tokens with which a model writes the text: what looks like a special token is text like any other."""
        ids = self._behind_some_anchor(text)
        if self._added is None or self.decode(ids) == text:
            return ids
        # Added tokens that are not special may be followed by a space too many, as the begin of a text is.
        return [
            token for piece in self._added.split(text) if piece for token in self._behind_some_anchor(piece)
        ]

    def decode_each(self, size: int) -> list[str]:
        """The text that each token id below `size` adds to a text."""
        return [self._read([token], behind_anchor=True) for token in range(size)]

    def _read(self, tokens: Sequence[int], behind_anchor: bool) -> str:
        text = self._text([*self._anchor, *tokens]) if behind_anchor else ""
        if self._anchor_text and text.startswith(self._anchor_text):
            return text[len(self._anchor_text) :]
        return self._text(tokens)

    def _behind_some_anchor(self, text: str) -> list[int]:
        possible: list[list[int]] = []
        for anchor in _WRITE_BEHIND if self._continues else ():
            before, both = self._tokens(anchor), self._tokens(anchor + text)
            if both[: len(before)] == before:
                possible.append(both[len(before) :])
                if self.decode(possible[-1]) == text:
                    return possible[-1]
        return possible[0] if possible else self._tokens(text)

    def _text(self, tokens: Sequence[int]) -> str:
        shown = [token for token in tokens if token not in self._silent]
        return str(
            self._tokenizer.decode(shown, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def _tokens(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(
            text, add_special_tokens=False, split_special_tokens=True, verbose=False
        )["input_ids"]
        return ids

    @cached_property
    def _bytes(self) -> dict[int, int]:
        """The bytes for which this tokenizer has tokens of their own, such as <0x0A>, by token."""
        found = ((id, _BYTE.fullmatch(token)) for token, id in self._tokenizer.get_vocab().items())
        bytes_ = {id: int(match[1], 16) for id, match in found if match is not None}
        return bytes_ if len(bytes_) == 256 else {}

    @cached_property
    def _silent(self) -> set[int]:
        """The special tokens. Tokens of bytes are text even where they are marked as special."""
        added = self._tokenizer.added_tokens_decoder.items()
        special = {id for id, token in added if token.special}
        return (special | set(self._tokenizer.all_special_ids)) - self._bytes.keys()

    @cached_property
    def _added(self) -> re.Pattern[str] | None:
        """Where the added tokens of a text are that are not special."""
        added = self._tokenizer.added_tokens_decoder.values()
        contents = sorted((token.content for token in added if not token.special), key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, contents)) + ")") if contents else None
