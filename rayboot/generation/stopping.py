"""Where a completion ends: while it is generated, and exactly, afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerBase

from rayboot.generation.base import Completion

# Tokens that decode to nothing by themselves (parts of a character, a leading space that is dropped).
_TAIL_MARGIN = 4


def decode(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int]) -> str:
    """The text of generated tokens, as it was written: no special tokens, no clean-up of spaces."""
    return str(tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def cut_completion(
    tokenizer: PreTrainedTokenizerBase,
    tokens: Sequence[int],
    *,
    ends: Sequence[int],
    stop: Sequence[str],
    max_tokens: int,
) -> Completion:
    """What of a row's generated tokens is its completion: up to the end-of-sequence token, the first stop string,
    or `max_tokens`, whichever comes first. A function of the row alone: what a row goes on to write while others
    of its batch are not done does not matter."""
    tokens = tokens[:max_tokens]
    end = next((place for place, token in enumerate(tokens) if token in ends), None)
    if end is not None:
        tokens = tokens[: end + 1]
    text = decode(tokenizer, tokens)
    cut = find_stop(text, stop)
    if cut is not None:
        count = _tokens_until_stop(tokenizer, tokens, stop)
        return Completion(text=text[:cut], tokens=count, finish_reason="stop")
    return Completion(text=text, tokens=len(tokens), finish_reason="length" if end is None else "stop")


def find_stop(text: str, stop: Sequence[str]) -> int | None:
    """Where the first stop string begins, or None."""
    places = [place for place in (text.find(each) for each in stop) if place >= 0]
    return min(places, default=None)


def _tokens_until_stop(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int], stop: Sequence[str]) -> int:
    """The fewest tokens whose text holds a stop string: bisection, for a longer prefix holds what a shorter does."""
    low, high = 1, len(tokens)
    while low < high:
        middle = (low + high) // 2
        if find_stop(decode(tokenizer, tokens[:middle]), stop) is None:
            low = middle + 1
        else:
            high = middle
    return low


class StopStrings:
    """Tells at which step a stop string appears in a row's text, so that its generation can end.

    Cheap: a row's tail is decoded only when its last token could end a stop string. A stop string that the tail does
    not show costs tokens, never correctness: `cut_completion` decides where a completion ends.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str], closing: torch.Tensor
    ) -> None:
        """`closing`: the tokens that can end a stop string, from `closing_tokens`."""
        self._tokenizer = tokenizer
        self._stop = stop
        self._closing = closing
        # A token that carries text carries at least one byte of it.
        self._tail = max(len(each.encode()) for each in stop) + _TAIL_MARGIN

    def appear_in(self, tokens: torch.Tensor) -> torch.Tensor:
        """Generated tokens of shape (rows, steps), the newest last, to a mask of shape (rows,)."""
        done = torch.zeros(tokens.shape[0], dtype=torch.bool, device=tokens.device)
        rows = self._closing[tokens[:, -1]].nonzero()[:, 0].tolist()
        if rows:
            texts = [decode(self._tokenizer, tail) for tail in tokens[rows, -self._tail :].tolist()]
            found = [find_stop(text, self._stop) is not None for text in texts]
            done[rows] = torch.tensor(found, device=done.device)
        return done


def closing_tokens(tokenizer: PreTrainedTokenizerBase, stop: Sequence[str], size: int) -> torch.Tensor:
    """Which of `size` tokens can end one of the stop strings: a mask of shape (size,)."""
    ends = {each[-1] for each in stop}
    texts = tokenizer.batch_decode([[token] for token in range(size)], clean_up_tokenization_spaces=False)
    # A single token may decode to nothing or to a replacement character where its neighbours make it readable.
    closing = torch.tensor([not text or "\ufffd" in text or not ends.isdisjoint(text) for text in texts])
    closing[tokenizer.all_special_ids] = False
    return closing
