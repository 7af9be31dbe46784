"""One batch through the model: sequences in, completions out, each a function of its own seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteria

from rayboot.engines.base import Completion, SamplingParams
from rayboot.engines.stopping import StopStrings, closing_tokens, cut_completion
from rayboot.engines.transformers.batching import PendingSequence
from rayboot.engines.transformers.rows import Rows, start_rows
from rayboot.models.codec import CompletionCodec
from rayboot.models.special_tokens import SpecialTokens, table_size


class Chooser(Protocol):
    """Chooses each row's next token; called once a step."""

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits of shape (rows, vocabulary) to tokens of shape (rows,)."""

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows only, given by their indices."""


class Greedy:
    """The likeliest token."""

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.argmax(dim=-1)

    def keep(self, rows: torch.Tensor) -> None:
        """Rows have no state."""


class SeededSampler:
    """Draws by inverting each row's cumulative distribution at a uniform number.

    The uniform numbers of a row are a function of its seed, drawn ahead: they depend neither on the other rows of
    the batch nor on its size, and one number a step is all the randomness there is. Temperature is applied before
    top_p, as in vLLM. Seeds are not negative.
    """

    def __init__(self, seeds: Sequence[int], params: Sequence[SamplingParams], device: torch.device) -> None:
        steps = max(each.max_tokens for each in params)
        # numpy's generators use all bits of a seed; torch's on the CPU only the lower 32.
        uniforms = np.stack([np.random.default_rng(seed).random(steps) for seed in seeds])
        self._uniforms = torch.from_numpy(uniforms).to(device)
        self._temperature = torch.tensor([[each.temperature] for each in params], device=device)
        self._top_p = torch.tensor([[each.top_p] for each in params], dtype=torch.float64, device=device)
        self._filters = any(each.top_p < 1 for each in params)
        self._step = 0

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        probabilities = torch.softmax((logits / self._temperature).double(), dim=-1)
        if self._filters:
            probabilities = keep_nucleus(probabilities, self._top_p)
        uniforms = self._uniforms[:, self._step]
        self._step += 1
        return invert(probabilities, uniforms)

    def keep(self, rows: torch.Tensor) -> None:
        self._uniforms = self._uniforms[rows]
        self._temperature = self._temperature[rows]
        self._top_p = self._top_p[rows]


def keep_nucleus(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Zero what lies outside each row's nucleus: the fewest tokens, likeliest first, that hold `top_p` of the mass.

    Shapes: (rows, vocabulary) and (rows, 1). Holtzman et al. 2020, section 3.1. Rows are not normalised again.
    """
    ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    mass_before = ordered.cumsum(dim=-1) - ordered
    # A row with top_p = 1 keeps all: rounding must not cut its tail.
    kept = torch.where((mass_before < top_p) | (top_p >= 1), ordered, 0.0)
    return torch.zeros_like(probabilities).scatter_(1, tokens, kept)


def invert(probabilities: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """The token at which each row's cumulative probability passes its uniform number in [0, 1).

    Shapes: (rows, vocabulary), (rows,) -> (rows,). Rows need not sum to one.
    """
    cumulative = probabilities.cumsum(dim=-1)
    thresholds = uniforms[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, thresholds, right=True)[:, 0]
    return tokens.clamp_(max=probabilities.shape[-1] - 1)


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


# Rows that are done leave the batch when they are so many of it: leaving costs a copy of the cache.
_DONE_PART = 0.2


class BatchDecoder:
    """Generates a batch whose sequences are of one group (`PendingSequence.group`)."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._model = model
        self._codec = CompletionCodec(tokenizer, continues=not model.config.is_encoder_decoder)
        self._special = SpecialTokens.of(model, tokenizer)
        # generate() fills what a call leaves open from the model's own defaults: there must be none.
        model.generation_config = self._special.generation_config()
        self._closing = lru_cache(maxsize=16)(self._closing_tokens)

    @torch.inference_mode()
    def __call__(self, batch: Sequence[PendingSequence]) -> list[Completion]:
        """The completions, in the order of the batch."""
        params = [each.params for each in batch]
        stop = params[0].stop
        stops = StopStrings(self._codec, stop, self._closing(stop)) if stop else None
        if params[0].num_beams > 1:
            input_ids, mask = self._pad([each.prompt_ids for each in batch])
            written = search_beams(self._model, self._special, input_ids, mask, params[0], stops)
            logprobs = None
        else:
            written, logprobs = self._generate(batch, stops)
        return [
            cut_completion(
                self._codec,
                written[row].tolist(),
                ends=self._special.ends,
                stop=stop,
                max_tokens=each.params.max_tokens,
                logprobs=logprobs[row].tolist() if logprobs is not None and each.params.logprobs else (),
            )
            for row, each in enumerate(batch)
        ]

    def _generate(
        self, batch: Sequence[PendingSequence], stops: StopStrings | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Tokens of shape (rows, steps), and their log-probabilities if a row asks for them; what stands behind a row's
        end means nothing."""
        device = self._model.device
        rows, logits = self._read_prompts([each.prompt_ids for each in batch])
        chooser = _chooser(batch, device)
        ends = torch.tensor(self._special.ends, device=device)
        limits = torch.tensor([each.params.max_tokens for each in batch], device=device)
        steps = max(each.params.max_tokens for each in batch)
        written = torch.full((len(batch), steps), self._special.pad, device=device)
        asked = any(each.params.logprobs for each in batch)
        logprobs = torch.zeros_like(written, dtype=torch.float64) if asked else None
        live = torch.arange(len(batch), device=device)
        done = torch.zeros_like(live, dtype=torch.bool)
        for step in range(steps):
            tokens = chooser.choose(logits)
            if step == 0 and self._special.forced_first is not None:
                tokens = torch.full_like(tokens, self._special.forced_first)
            written[live, step] = tokens
            if logprobs is not None:
                every = logits.double().log_softmax(-1)
                logprobs[live, step] = every.gather(1, tokens[:, None])[:, 0]
            done |= torch.isin(tokens, ends) | (limits[live] <= step + 1)
            if stops is not None:
                done |= stops.appear_in(written[live, : step + 1])
            finished = int(done.sum())
            if finished == len(live):
                break
            if finished > _DONE_PART * len(live):
                kept = (~done).nonzero()[:, 0]
                rows.keep(kept)
                chooser.keep(kept)
                live, done, tokens = live[kept], done[kept], tokens[kept]
            logits = rows.step(tokens)
        return written, logprobs

    def _read_prompts(self, prompts: Sequence[list[int]]) -> tuple[Rows, torch.Tensor]:
        """The rows and their first logits. The samples of a prompt share its reading, half of the work."""
        places: dict[tuple[int, ...], int] = {}
        of_row = [places.setdefault(tuple(prompt), len(places)) for prompt in prompts]
        rows = start_rows(self._model, *self._pad([list(prompt) for prompt in places]))
        logits = rows.start()
        if len(places) == len(prompts):
            return rows, logits
        repeated = torch.tensor(of_row, device=logits.device)
        rows.keep(repeated)
        return rows, logits[repeated]

    def _pad(self, prompts: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and mask of shape (rows, width). A causal model goes on from the last column: it is padded left."""
        left = not self._model.config.is_encoder_decoder
        width = max(map(len, prompts))
        input_ids = torch.full((len(prompts), width), self._special.pad)
        mask = torch.zeros_like(input_ids)
        for row, prompt in enumerate(prompts):
            place = slice(width - len(prompt), width) if left else slice(0, len(prompt))
            input_ids[row, place] = torch.tensor(prompt)
            mask[row, place] = 1
        return input_ids.to(self._model.device), mask.to(self._model.device)

    def _closing_tokens(self, stop: tuple[str, ...]) -> torch.Tensor:
        return closing_tokens(self._codec, stop, table_size(self._model.config)).to(self._model.device)


def _chooser(batch: Sequence[PendingSequence], device: torch.device) -> Chooser:
    if batch[0].params.temperature == 0:
        return Greedy()
    return SeededSampler([each.seed for each in batch], [each.params for each in batch], device)
