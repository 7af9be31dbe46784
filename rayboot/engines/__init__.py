"""Engines, which generate completions: the contract, and the choice of an engine by a recipe."""

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
    """Start the engine that the recipe selects, with the weights of `model` as version 0.

    Torch and transformers are imported only for an engine that needs them.

    Raises:
        UserError: `model` is neither a complete model directory nor a hub name, the recording is unusable, or the
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
    """Return a counter of prompt tokens, without loading the model's weights.

    It counts what the engine reports. For a causal model whose tokenizer adds an end-of-sequence token it counts one
    more: the engine drops that token.

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
