"""The end of a completion: detected during generation, and determined exactly afterwards."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

import torch

from rayboot.engines.base import Completion
from rayboot.models.codec import CompletionCodec

# Upper bound of consecutive tokens that decode to nothing alone, such as parts of a character.
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
    """Return the completion of a row's generated tokens.

    It ends at the end-of-sequence token, the first stop string or `max_tokens`, whichever comes first. It is a function
    of the row alone: tokens generated after the end, while other rows of the batch are in flight, are ignored.
    """
    tokens = tokens[:max_tokens]
    end = next((position for position, token in enumerate(tokens) if token in ends), None)
    generated = tokens[:end]
    text = codec.decode(generated)
    finish_reason: Literal["stop", "length"] = "stop"
    count = len(tokens) if end is None else end + 1
    if find_stop(text, stop) is not None:
        # The fewest tokens whose text has a stop string.
        count = 1 + bisect_left(
            range(1, len(generated)),
            True,
            key=lambda length: find_stop(codec.decode(generated[:length]), stop) is not None,
        )
        text = codec.decode(generated[:count])
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
    """Return the position of the first stop string in a text, or None."""
    positions = [position for position in (text.find(each) for each in stop) if position >= 0]
    return min(positions, default=None)


class StopStrings:
    """Detects the step at which a stop string appears in a row, so that its generation can end.

    A row's tail is decoded only if its last token could end a stop string. A stop string that is missed costs tokens,
    but not correctness: `cut_completion` determines the end of a completion.
    """

    def __init__(self, codec: CompletionCodec, stop: Sequence[str], closing: torch.Tensor) -> None:
        """Detect any stop string of at least one; `closing` is from `closing_tokens`."""
        self._codec = codec
        self._stop = stop
        self._closing = closing
        # A token that carries text carries at least one byte of it.
        self._tail = max(len(each.encode()) for each in stop) + _TAIL_MARGIN

    def appear_in(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return which rows have a stop string. Shapes: (rows, steps), the newest token last -> (rows,)."""
        done = torch.zeros(tokens.shape[0], dtype=torch.bool, device=tokens.device)
        rows = self._closing[tokens[:, -1]].nonzero()[:, 0].tolist()
        if rows:
            texts = [self._codec.decode(tail) for tail in tokens[rows, -self._tail :].tolist()]
            found = [find_stop(text, self._stop) is not None for text in texts]
            done[rows] = torch.tensor(found, device=done.device)
        return done


def closing_tokens(codec: CompletionCodec, stop: Sequence[str], size: int) -> torch.Tensor:
    """Return which of `size` tokens can end one of the stop strings: a mask of shape (size,)."""
    ends = {each[-1] for each in stop}
    # A token that decodes to U+FFFD alone may be readable beside its neighbours.
    return torch.tensor(["\ufffd" in text or not ends.isdisjoint(text) for text in codec.decode_each(size)])
