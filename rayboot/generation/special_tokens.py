"""The token ids that generation needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class SpecialTokens:
    """The checkpoint's ids; the tokenizer's where it names none."""

    ends: tuple[int, ...]
    """Tokens that end a sequence; there may be none."""
    pad: int
    """A model without a pad token pads with its end token: the attention mask tells them apart."""
    decoder_start: int | None
    """The first token of an encoder-decoder's completion, not part of it."""
    forced_first: int | None
    """What some encoder-decoders must write first, such as BART's language."""

    @classmethod
    def of(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
        named = model.generation_config
        ends = _as_tuple(named.eos_token_id if named.eos_token_id is not None else tokenizer.eos_token_id)
        pads = (named.pad_token_id, tokenizer.pad_token_id, *ends, 0)
        start = named.decoder_start_token_id
        return cls(
            ends=ends,
            pad=next(pad for pad in pads if pad is not None),
            decoder_start=start if start is not None else named.bos_token_id,
            forced_first=named.forced_bos_token_id if model.config.is_encoder_decoder else None,
        )

    def generation_config(self, **settings: object) -> GenerationConfig:
        """These ids, with settings, for `model.generate`."""
        return GenerationConfig(  # type: ignore[no-untyped-call]
            eos_token_id=list(self.ends) or None,
            pad_token_id=self.pad,
            decoder_start_token_id=self.decoder_start,
            forced_bos_token_id=self.forced_first,
            **settings,
        )


def _as_tuple(ids: int | Sequence[int] | None) -> tuple[int, ...]:
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)
