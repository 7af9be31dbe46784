"""The `transformers` engine: batches the requests in flight, and generates as `model.generate` does.

Only the request determines how its completions are sampled: of the checkpoint's generation_config only the ids of
special tokens are used. A finished row's completion is returned with the longest one of its batch.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rayboot.config import GenerationConfig
from rayboot.engines.base import GenerationRequest, GenerationResult
from rayboot.engines.transformers.batching import BatchRunner, PendingSequence
from rayboot.engines.transformers.decoding import BatchDecoder
from rayboot.engines.versions import Versions
from rayboot.models.loading import encode, load_model, load_tokenizer, load_weights
from rayboot.models.special_tokens import ContextLimit


class TransformersEngine:
    """A `Generator` on one copy of a Hugging Face model, causal or encoder-decoder."""

    def __init__(self, config: GenerationConfig, model: str) -> None:
        threads = max(1, math.ceil(config.cpus))
        # One thread both computes and loads weights, so that these never overlap.
        self._thread = ThreadPoolExecutor(1, "generation", torch.set_num_threads, (threads,))
        torch.set_num_threads(threads)
        self._tokenizer: PreTrainedTokenizerBase = load_tokenizer(model)
        device = torch.device("cuda" if config.gpus > 0 else "cpu")
        self._model: PreTrainedModel = load_model(model, resolve_dtype(config.dtype, device), device)
        self._limit = ContextLimit(self._model.config, self._tokenizer)
        self._runner = BatchRunner(
            BatchDecoder(self._model, self._tokenizer), config.batch_size, self._thread
        )
        self._versions = Versions()

    @property
    def version(self) -> int:
        return self._versions.current

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Answer the requests, in order.

        Raises:
            ValueError: A prompt is empty, or does not fit the model's context together with its completion. None of
                this call's requests is then generated; other calls are not affected.
            UserError: The same for a prompt with a token that the model has no embedding for.
        """
        continues = not self._model.config.is_encoder_decoder
        prompts = [encode(self._tokenizer, request.prompt, continues=continues) for request in requests]
        for request, prompt in zip(requests, prompts, strict=True):
            self._limit.check(prompt, request.params.max_tokens, request.tag)
        loop = asyncio.get_running_loop()
        sequences = [
            [PendingSequence(prompt, seed, request.params, loop.create_future()) for seed in request.seeds]
            for request, prompt in zip(requests, prompts, strict=True)
        ]
        waiting = [each for samples in sequences for each in samples]
        async with self._versions.use() as version:
            self._runner.submit(waiting)
            completions = iter(await asyncio.gather(*(each.future for each in waiting)))
        return [
            GenerationResult(
                completions=tuple(next(completions) for _ in samples),
                prompt_tokens=len(prompt),
                version=version,
            )
            for samples, prompt in zip(sequences, prompts, strict=True)
        ]

    async def publish(self, checkpoint: str, version: int) -> None:
        """Load weights in place. Earlier requests are answered with the old weights, and later ones wait for the new.

        Raises:
            UserError: The checkpoint is missing, broken or another model's; the old weights stay in use.
        """
        async with self._versions.replace(version):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, load_weights, self._model, checkpoint)

    async def close(self) -> None:
        """Finish the requests in flight, then end the thread."""
        await self._runner.drain()
        self._thread.shutdown()


def resolve_dtype(name: str, device: torch.device) -> torch.dtype | str:
    """Return the dtype for a recipe's name on a device; `auto` on a GPU is left to the checkpoint."""
    if name == "auto":
        return "auto" if device.type == "cuda" else torch.float32
    dtype: torch.dtype = getattr(torch, name)
    return dtype
