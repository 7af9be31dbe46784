"""What a provider's answers cost."""

from __future__ import annotations

from rayboot.problems.types import Frozen


class Usage(Frozen):
    """What was asked of a provider, and what it cost; nothing, where an engine runs the model itself."""

    requests: int = 0
    """API requests, without their repetitions. A request for a prompt is several where the server gives one sample
    at a time."""
    retries: int = 0
    """Repetitions, after a rate limit, a server's error or a lost connection."""
    prompt_tokens: int = 0
    """As the server counts and bills them: a prompt once for each of its requests."""
    completion_tokens: int = 0
    """With those of samples that no one kept, and those that a model thought and did not show."""
    cost: float = 0.0
    """Tokens at the recipe's prices, in its currency."""


class Meter:
    """Counts requests as they are sent, and tokens as they are answered."""

    def __init__(self, input_price: float, output_price: float) -> None:
        """Prices are of a million tokens."""
        self._input_price = input_price
        self._output_price = output_price
        self._requests = 0
        self._retries = 0
        self._prompt_tokens = 0
        self._completion_tokens = 0

    def sent(self, again: bool) -> None:
        """Count a request that goes out, for the first time or `again`."""
        if again:
            self._retries += 1
        else:
            self._requests += 1

    def answered(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Count what an answer says that it used."""
        self._prompt_tokens += prompt_tokens
        self._completion_tokens += completion_tokens

    @property
    def usage(self) -> Usage:
        paid = self._prompt_tokens * self._input_price + self._completion_tokens * self._output_price
        return Usage(
            requests=self._requests,
            retries=self._retries,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            cost=paid / 1e6,
        )
