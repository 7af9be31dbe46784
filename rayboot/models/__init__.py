"""A model's directory: weights, tokenizer, adapters, special tokens."""

from rayboot.models.directory import check_model, check_tokenizer

__all__ = ["check_model", "check_tokenizer"]
