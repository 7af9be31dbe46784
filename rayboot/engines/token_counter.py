"""Count tokens of prompts, if possible without transformers, whose import takes seconds in each process."""

from __future__ import annotations

import json
from pathlib import Path

from rayboot.config import GenerationConfig
from rayboot.engines.base import TokenCounter

VERBATIM = {"TokenizersBackend", "PreTrainedTokenizerFast"}
"""Tokenizer classes that use tokenizer.json unchanged. Others may change which tokens it adds to a text."""


def load_token_counter(config: GenerationConfig, model: str) -> TokenCounter:
    """Return a counter of prompt tokens, without loading the model's weights.

    It counts what the engine reports. For a causal model whose tokenizer adds an end-of-sequence token it
    counts one more: the engine drops that token. The `recorded` engine has no tokenizer: its tokens are words.
    Raise UserError if another engine's `model` has no tokenizer.
    """
    if config.engine == "recorded":
        from rayboot.engines.recorded import count_words

        return count_words

    if (fast := _fast_token_counter(model)) is not None:
        return fast

    from rayboot.models.loading import encode, load_tokenizer

    tokenizer = load_tokenizer(model)
    return lambda text: len(encode(tokenizer, text, continues=False))


def _fast_token_counter(model: str) -> TokenCounter | None:
    """Return the counter of the `tokenizers` library if transformers would do nothing but call it; else None."""
    backend, config = Path(model) / "tokenizer.json", Path(model) / "tokenizer_config.json"
    if not (backend.is_file() and config.is_file()):
        return None
    options = json.loads(config.read_text())
    if options.get("tokenizer_class") not in VERBATIM or isinstance(options.get("bos_token"), dict):
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(backend))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    bos = tokenizer.token_to_id(options.get("bos_token") or "")

    def count(text: str) -> int:
        ids = tokenizer.encode(text).ids
        return len(ids) - (bos is not None and ids[:2] == [bos, bos])  # as in `loading.encode`

    return count
