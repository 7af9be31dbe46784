"""What a model can read, and how much it can read and write at once."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from rayboot.generation.special_tokens import check_ids, table_size


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
