"""One batch through the model: sequences in, completions out, each a function of its own seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteria

from rayboot.engines.base import Completion, SamplingParams
from rayboot.engines.stopping import StopStrings, closing_tokens, cut_completion
from rayboot.engines.transformers.batch_state import BatchState, CausalState, Seq2SeqState
from rayboot.engines.transformers.batching import PendingSequence
from rayboot.models.codec import CompletionCodec
from rayboot.models.special_tokens import embedding_count, special_tokens_config


class SeededSampler:
    """Samples by inverting each row's cumulative distribution at a uniform number.

    The uniform numbers of a row are a function of its seed, drawn in advance: they do not depend on the other rows of
    the batch. One number per step is the only source of randomness. Temperature is applied before top_p, as in vLLM.
    Seeds must not be negative.
    """

    def __init__(self, seeds: Sequence[int], params: Sequence[SamplingParams], device: torch.device) -> None:
        steps = max(each.max_tokens for each in params)
        # numpy's generators use all bits of a seed; torch's on the CPU use the lower 32 only.
        uniforms = np.stack([np.random.default_rng(seed).random(steps) for seed in seeds])
        self._uniforms = torch.from_numpy(uniforms).to(device)
        self._temperature = torch.tensor([[each.temperature] for each in params], device=device)
        self._top_p = torch.tensor([[each.top_p] for each in params], dtype=torch.float64, device=device)
        self._filters = any(each.top_p < 1 for each in params)
        self._step = 0

    def select(self, logits: torch.Tensor) -> torch.Tensor:
        """Return tokens of shape (rows,) for logits of shape (rows, vocabulary), once per step."""
        probabilities = torch.softmax((logits / self._temperature).double(), dim=-1)
        if self._filters:
            probabilities = keep_nucleus(probabilities, self._top_p)
        uniforms = self._uniforms[:, self._step]
        self._step += 1
        return invert(probabilities, uniforms)

    def keep(self, rows: torch.Tensor) -> None:
        """Keep only the rows with these indices."""
        self._uniforms = self._uniforms[rows]
        self._temperature = self._temperature[rows]
        self._top_p = self._top_p[rows]


def keep_nucleus(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Zero the probabilities outside each row's nucleus: the fewest, most likely tokens that sum to `top_p` or more.

    Shapes: (rows, vocabulary) and (rows, 1). Rows are not renormalised. Source: Holtzman et al. 2020, section 3.1.
    """
    ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    mass_before = ordered.cumsum(dim=-1) - ordered
    # A row with top_p = 1 keeps all: rounding must not cut its tail.
    kept = torch.where((mass_before < top_p) | (top_p >= 1), ordered, 0.0)
    return torch.zeros_like(probabilities).scatter_(1, tokens, kept)


def invert(probabilities: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Return the token at which each row's cumulative probability exceeds its uniform number in [0, 1).

    Shapes: (rows, vocabulary), (rows,) -> (rows,). Rows need not sum to one.
    """
    cumulative = probabilities.cumsum(dim=-1)
    thresholds = uniforms[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, thresholds, right=True)[:, 0]
    return tokens.clamp_(max=probabilities.shape[-1] - 1)


class _BeamStops(StoppingCriteria):
    """Finishes a beam whose text has a stop string."""

    def __init__(self, stops: StopStrings, start_column: int) -> None:
        self._stops = stops
        self._start_column = start_column

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        return self._stops.appear_in(input_ids[:, self._start_column :])


# Finished rows leave the batch when they exceed this share of it: removing them copies the cache.
_COMPACTION_SHARE = 0.2


class BatchDecoder:
    """Generates a batch of sequences of one group (`PendingSequence.group`)."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._model = model
        self._codec = CompletionCodec(tokenizer, continues=not model.config.is_encoder_decoder)
        self._special = special_tokens_config(model, tokenizer)
        self._ends: list[int] = self._special.eos_token_id or []
        # generate() takes options that a call does not set from the model's defaults: there must be none.
        model.generation_config = self._special
        self._stop_strings = lru_cache(maxsize=16)(self._new_stop_strings)

    @torch.inference_mode()
    def __call__(self, batch: Sequence[PendingSequence]) -> list[Completion]:
        """Return the completions, in the order of the batch."""
        params = batch[0].params
        stops = self._stop_strings(params.stop) if params.stop else None
        if params.num_beams > 1:
            generated, logprobs = self._search_beams(batch, stops), None
        else:
            generated, logprobs = self._generate(batch, stops)
        return [
            cut_completion(
                self._codec,
                generated[row].tolist(),
                ends=self._ends,
                stop=params.stop,
                max_tokens=each.params.max_tokens,
                logprobs=logprobs[row].tolist() if logprobs is not None and each.params.logprobs else (),
            )
            for row, each in enumerate(batch)
        ]

    def _search_beams(self, batch: Sequence[PendingSequence], stops: StopStrings | None) -> torch.Tensor:
        """Return the tokens of each row's best beam, of shape (rows, steps)."""
        params = batch[0].params
        input_ids, mask = self._pad([each.prompt_ids for each in batch])
        start_column = 1 if self._model.config.is_encoder_decoder else input_ids.shape[1]
        output: torch.Tensor = self._model.generate(  # type: ignore[operator]
            input_ids=input_ids,
            attention_mask=mask,
            generation_config=GenerationConfig(  # type: ignore[no-untyped-call]
                max_new_tokens=params.max_tokens, num_beams=params.num_beams, do_sample=False
            ),
            stopping_criteria=[] if stops is None else [_BeamStops(stops, start_column)],
        )
        return output[:, start_column:]

    def _generate(
        self, batch: Sequence[PendingSequence], stops: StopStrings | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return tokens of shape (rows, steps), and their log-probabilities if a row requests them.

        Values after a row's end are meaningless.
        """
        device = self._model.device
        state, logits = self._prefill([each.prompt_ids for each in batch])
        sampler = None
        if batch[0].params.temperature > 0:
            sampler = SeededSampler([each.seed for each in batch], [each.params for each in batch], device)
        ends = torch.tensor(self._ends, device=device)
        limits = torch.tensor([each.params.max_tokens for each in batch], device=device)
        steps = int(limits.max())
        generated = torch.full((len(batch), steps), self._special.pad_token_id, device=device)
        needs_logprobs = any(each.params.logprobs for each in batch)
        logprobs = torch.zeros_like(generated, dtype=torch.float64) if needs_logprobs else None
        active = torch.arange(len(batch), device=device)
        done = torch.zeros_like(active, dtype=torch.bool)
        for step in range(steps):
            tokens = logits.argmax(dim=-1) if sampler is None else sampler.select(logits)
            if step == 0 and self._special.forced_bos_token_id is not None:
                tokens = torch.full_like(tokens, self._special.forced_bos_token_id)
            generated[active, step] = tokens
            if logprobs is not None:
                all_logprobs = logits.double().log_softmax(-1)
                logprobs[active, step] = all_logprobs.gather(1, tokens[:, None])[:, 0]
            done |= torch.isin(tokens, ends) | (limits[active] <= step + 1)
            if stops is not None:
                done |= stops.appear_in(generated[active, : step + 1])
            finished = int(done.sum())
            if finished == len(active):
                break
            if finished > _COMPACTION_SHARE * len(active):
                kept = (~done).nonzero()[:, 0]
                state.keep(kept)
                if sampler is not None:
                    sampler.keep(kept)
                active, done, tokens = active[kept], done[kept], tokens[kept]
            logits = state.step(tokens)
        return generated, logprobs

    def _prefill(self, prompts: Sequence[list[int]]) -> tuple[BatchState, torch.Tensor]:
        """Return the batch's state and first logits.

        The samples of a prompt share its prefill, which is half of the work.
        """
        unique_prompts: dict[tuple[int, ...], int] = {}
        row_indices = [unique_prompts.setdefault(tuple(prompt), len(unique_prompts)) for prompt in prompts]
        new_state = Seq2SeqState if self._model.config.is_encoder_decoder else CausalState
        state = new_state(self._model, *self._pad(list(unique_prompts)))
        logits = state.prefill()
        if len(unique_prompts) == len(prompts):
            return state, logits
        repeated = torch.tensor(row_indices, device=logits.device)
        state.keep(repeated)
        return state, logits[repeated]

    def _pad(self, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and mask of shape (rows, width).

        Causal models are padded on the left: they continue from the last column.
        """
        side = "right" if self._model.config.is_encoder_decoder else "left"
        rows = [torch.tensor(prompt) for prompt in prompts]
        pad = self._special.pad_token_id
        input_ids = pad_sequence(rows, batch_first=True, padding_value=pad, padding_side=side)
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True, padding_side=side)
        return input_ids.to(self._model.device), mask.to(self._model.device)

    def _new_stop_strings(self, stop: tuple[str, ...]) -> StopStrings:
        closing = closing_tokens(self._codec, stop, embedding_count(self._model.config))
        return StopStrings(self._codec, stop, closing.to(self._model.device))
