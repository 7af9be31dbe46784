"""One batch through the model: sequences in, completions out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rayboot.generation.base import Completion
from rayboot.generation.batching import PendingSequence
from rayboot.generation.beams import search_beams
from rayboot.generation.codec import CompletionCodec
from rayboot.generation.rows import Rows, start_rows
from rayboot.generation.sampling import Chooser, Greedy, SeededSampler
from rayboot.generation.special_tokens import SpecialTokens, table_size
from rayboot.generation.stopping import StopStrings, closing_tokens, cut_completion

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
        else:
            written = self._generate(batch, stops)
        return [
            cut_completion(
                self._codec, row, ends=self._special.ends, stop=stop, max_tokens=each.params.max_tokens
            )
            for row, each in zip(written.tolist(), batch, strict=True)
        ]

    def _generate(self, batch: Sequence[PendingSequence], stops: StopStrings | None) -> torch.Tensor:
        """Tokens of shape (rows, steps); what stands behind a row's end means nothing."""
        device = self._model.device
        rows, logits = self._read_prompts([each.prompt_ids for each in batch])
        chooser = _chooser(batch, device)
        ends = torch.tensor(self._special.ends, device=device)
        limits = torch.tensor([each.params.max_tokens for each in batch], device=device)
        steps = max(each.params.max_tokens for each in batch)
        written = torch.full((len(batch), steps), self._special.pad, device=device)
        live = torch.arange(len(batch), device=device)
        done = torch.zeros_like(live, dtype=torch.bool)
        for step in range(steps):
            tokens = chooser.choose(logits)
            if step == 0 and self._special.forced_first is not None:
                tokens = torch.full_like(tokens, self._special.forced_first)
            written[live, step] = tokens
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
        return written

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
