"""Where a completion ends: while it is generated, and exactly, afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from rayboot.engines.base import Completion
from rayboot.models.codec import CompletionCodec

# Tokens that decode to nothing by themselves (parts of a character).
_TAIL_MARGIN = 4


def cut_completion(
    codec: CompletionCodec,
    tokens: Sequence[int],
    *,
    ends: Sequence[int],
    stop: Sequence[str],
    max_tokens: int,
    logprobs: Sequence[float] = (),
) -> Completion:
    """What of a row's generated tokens is its completion: up to the end-of-sequence token, the first stop string,
    or `max_tokens`, whichever comes first. A function of the row alone: what a row goes on to write while others
    of its batch are not done does not matter."""
    tokens = tokens[:max_tokens]
    end = next((place for place, token in enumerate(tokens) if token in ends), None)
    written = tokens[:end]
    text = codec.decode(written)
    finish_reason: Literal["stop", "length"] = "stop"
    count = len(tokens) if end is None else end + 1
    if find_stop(text, stop) is not None:
        count = _tokens_until_stop(codec, written, stop)
        text = codec.decode(written[:count])
        text = text[: find_stop(text, stop)]
    elif end is None:
        finish_reason = "length"
    return Completion(
        text=text,
        tokens=count,
        finish_reason=finish_reason,
        token_ids=tuple(tokens[:count]),
        logprobs=tuple(logprobs[:count]),
    )


def find_stop(text: str, stop: Sequence[str]) -> int | None:
    """Where the first stop string begins, or None."""
    places = [place for place in (text.find(each) for each in stop) if place >= 0]
    return min(places, default=None)


def _tokens_until_stop(codec: CompletionCodec, tokens: Sequence[int], stop: Sequence[str]) -> int:
    """The fewest tokens whose text holds a stop string: bisection, for a longer prefix holds what a shorter does."""
    low, high = 1, len(tokens)
    while low < high:
        middle = (low + high) // 2
        if find_stop(codec.decode(tokens[:middle]), stop) is None:
            low = middle + 1
        else:
            high = middle
    return low


class StopStrings:
    """Tells at which step a stop string appears in a row's text, so that its generation can end.

    Cheap: a row's tail is decoded only when its last token could end a stop string. A stop string that the tail does
    not show costs tokens, never correctness: `cut_completion` decides where a completion ends.
    """

    def __init__(self, codec: CompletionCodec, stop: Sequence[str], closing: torch.Tensor) -> None:
        """`closing`: the tokens that can end a stop string, from `closing_tokens`."""
        self._codec = codec
        self._stop = stop
        self._closing = closing
        # A token that carries text carries at least one byte of it.
        self._tail = max(len(each.encode()) for each in stop) + _TAIL_MARGIN

    def appear_in(self, tokens: torch.Tensor) -> torch.Tensor:
        """Generated tokens of shape (rows, steps), the newest last, to a mask of shape (rows,)."""
        done = torch.zeros(tokens.shape[0], dtype=torch.bool, device=tokens.device)
        rows = self._closing[tokens[:, -1]].nonzero()[:, 0].tolist()
        if rows:
            texts = [self._codec.decode(tail) for tail in tokens[rows, -self._tail :].tolist()]
            found = [find_stop(text, self._stop) is not None for text in texts]
            done[rows] = torch.tensor(found, device=done.device)
        return done


def closing_tokens(codec: CompletionCodec, stop: Sequence[str], size: int) -> torch.Tensor:
    """Which of `size` tokens can end one of the stop strings: a mask of shape (size,)."""
    ends = {each[-1] for each in stop}
    # A single token may decode to a replacement character where its neighbours make it readable.
    return torch.tensor(["\ufffd" in text or not ends.isdisjoint(text) for text in codec.decode_each(size)])
