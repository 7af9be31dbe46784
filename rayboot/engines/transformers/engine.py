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

from rayboot.config import GenerationConfig
from rayboot.engines.base import GenerationRequest, GenerationResult
from rayboot.engines.transformers.batching import BatchRunner, PendingSequence
from rayboot.engines.transformers.decoding import BatchDecoder
from rayboot.engines.versions import Versions
from rayboot.models.codec import PromptEncoder
from rayboot.models.loading import load_model, load_tokenizer, load_weights


class TransformersEngine:
    """A `Generator` on one copy of a Hugging Face model, causal or encoder-decoder."""

    def __init__(self, config: GenerationConfig, model: str) -> None:
        threads = max(1, math.ceil(config.cpus))
        # One thread both computes and loads weights, so that these never overlap.
        self._thread = ThreadPoolExecutor(1, "generation", torch.set_num_threads, (threads,))
        torch.set_num_threads(threads)
        tokenizer = load_tokenizer(model)
        device = torch.device("cuda" if config.gpus > 0 else "cpu")
        self._model = load_model(model, resolve_dtype(config.dtype, device), device)
        self._prompts = PromptEncoder(self._model.config, tokenizer)
        self._runner = BatchRunner(BatchDecoder(self._model, tokenizer), config.batch_size, self._thread)
        self._versions = Versions()

    @property
    def version(self) -> int:
        return self._versions.current

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Answer the requests, in order.

        Raise UserError if a prompt cannot be continued (see `PromptEncoder`). None of this call's requests is
        then generated; other calls are not affected.
        """
        prompts = [
            self._prompts.encode(request.prompt, request.params.max_tokens, request.tag)
            for request in requests
        ]
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
        """Load weights in place, once earlier requests are answered; later ones wait for them.

        Raise UserError if the checkpoint is missing, broken or another model's; the old weights stay in use.
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
