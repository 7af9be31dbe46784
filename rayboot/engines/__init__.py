"""Engines that write completions: the contract, and what makes an engine from a recipe's section."""

from __future__ import annotations

from rayboot.config import GenerationConfig
from rayboot.engines.base import (
    Billed,
    Completion,
    EngineDied,
    GenerationRequest,
    GenerationResult,
    Generator,
    SamplingParams,
    Sleeper,
    TokenCounter,
)
from rayboot.engines.token_counter import fast_token_counter
from rayboot.models import check_model, check_tokenizer

__all__ = [
    "Billed",
    "Completion",
    "EngineDied",
    "GenerationRequest",
    "GenerationResult",
    "Generator",
    "SamplingParams",
    "Sleeper",
    "TokenCounter",
    "check_model",
    "check_tokenizer",
    "create_engine",
    "load_token_counter",
]


def create_engine(config: GenerationConfig, model: str) -> Generator:
    """Start the engine that the recipe asks for, with the weights of `model` as version 0.

    Torch and transformers are imported only for the engine that needs them.

    Raises:
        UserError: `model` is no complete model directory and no model of the hub, the recording is unusable, or the
            engine's package is not installed.
    """
    if config.recording is not None:
        from rayboot.engines.recorded import RecordedEngine

        return RecordedEngine(config)

    if config.openai is not None:
        from rayboot.engines.openai.engine import OpenAIEngine

        return OpenAIEngine(config.openai)

    if config.engine == "vllm":
        from rayboot.engines.vllm import options as vllm_options

        vllm_options.prepare(config)
        from rayboot.engines.vllm.engine import VllmEngine

        return VllmEngine(config, model)

    from rayboot.engines.transformers.engine import TransformersEngine

    return TransformersEngine(config, model)


def load_token_counter(config: GenerationConfig, model: str) -> TokenCounter:
    """The count of prompt tokens that the engine itself will report, without loading the model's weights; one more
    where the tokenizer adds an end, which only encoders read.

    The `recorded` engine has no tokenizer: its tokens are words, separated by whitespace.

    Raises:
        UserError: `model` has no tokenizer.
    """
    if config.engine == "recorded":
        from rayboot.engines.recorded import count_words

        return count_words

    if (fast := fast_token_counter(model)) is not None:
        return fast

    from rayboot.models.loading import encode, load_tokenizer

    tokenizer = load_tokenizer(model)
    return lambda text: len(encode(tokenizer, text, continues=False))
