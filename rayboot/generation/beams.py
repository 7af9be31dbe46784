"""Beam search: transformers' own."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel, StoppingCriteria

from rayboot.generation.base import SamplingParams
from rayboot.generation.special_tokens import SpecialTokens
from rayboot.generation.stopping import StopStrings


def search_beams(
    model: PreTrainedModel,
    special: SpecialTokens,
    input_ids: torch.Tensor,
    mask: torch.Tensor,
    params: SamplingParams,
    stops: StopStrings | None,
) -> torch.Tensor:
    """The tokens of each row's best beam, of shape (rows, steps)."""
    written_from = 1 if model.config.is_encoder_decoder else input_ids.shape[1]
    output: torch.Tensor = model.generate(  # type: ignore[operator]
        input_ids=input_ids,
        attention_mask=mask,
        generation_config=special.generation_config(
            max_new_tokens=params.max_tokens, num_beams=params.num_beams, do_sample=False
        ),
        stopping_criteria=[] if stops is None else [_BeamStops(stops, written_from)],
    )
    return output[:, written_from:]


class _BeamStops(StoppingCriteria):
    """A beam whose text holds a stop string is finished."""

    def __init__(self, stops: StopStrings, written_from: int) -> None:
        self._stops = stops
        self._written_from = written_from

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        return self._stops.appear_in(input_ids[:, self._written_from :])
