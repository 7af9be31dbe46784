"""The model that a refit trains, with its tokenizer."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from rayboot.errors import UserError


class Policy:
    """Loaded in float32 whatever the checkpoint's dtype: small updates vanish in 16 bits.

    Raises:
        UserError: The directory holds no tokenizer or no model that can be read, or no end-of-sequence token.
    """

    def __init__(self, directory: str) -> None:
        try:
            config = AutoConfig.from_pretrained(directory)
            self.tokenizer: Any = AutoTokenizer.from_pretrained(directory)
            kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
            self.model: Any = kind.from_pretrained(directory, dtype=torch.float32)
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{directory}: cannot load the model: {error}") from error
        if self.tokenizer.eos_token_id is None:
            raise UserError(
                f"{directory}: the tokenizer has no end-of-sequence token, and training needs one"
            )
        self.encoder_decoder = bool(config.is_encoder_decoder)
        self.dtype: torch.dtype = config.dtype or torch.float32
        """The checkpoint's own dtype, in which the refitted one is written."""

    @property
    def pad_token_id(self) -> int:
        """Any id will do: padding is masked."""
        pad = self.tokenizer.pad_token_id
        return int(self.tokenizer.eos_token_id if pad is None else pad)

    @property
    def max_tokens(self) -> int | None:
        """Context for prompt and completion together; None where the model sets no such limit."""
        return None if self.encoder_decoder else getattr(self.model.config, "max_position_embeddings", None)
