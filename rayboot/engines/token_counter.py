"""Counting tokens without transformers, whose import takes seconds in every process that writes prompts."""

from __future__ import annotations

import json
from pathlib import Path

from rayboot.engines.base import TokenCounter

VERBATIM = {"TokenizersBackend", "PreTrainedTokenizerFast"}
"""Tokenizer classes that use tokenizer.json as it stands; others may change what it adds to a text."""


def fast_token_counter(model: str) -> TokenCounter | None:
    """The count of the `tokenizers` library, where transformers would do nothing but call it; else None."""
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
    begin = tokenizer.token_to_id(options.get("bos_token") or "")

    def count(text: str) -> int:
        ids = tokenizer.encode(text).ids
        return len(ids) - (begin is not None and ids[:2] == [begin, begin])  # as `loading.encode`

    return count
