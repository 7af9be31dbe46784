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
from rayboot.engines.token_counter import load_token_counter
from rayboot.errors import UserError

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
    "create_engine",
    "load_token_counter",
]


def create_engine(config: GenerationConfig, model: str) -> Generator:
    """Start the engine that the recipe selects, with the weights of `model` as version 0.

    Torch and transformers are imported only for an engine that needs them. Raise UserError if `model` is
    neither a complete model directory nor a hub name, the recording is unusable, or a package is missing.
    """
    if config.recording is not None:
        from rayboot.engines.recorded import RecordedEngine

        return RecordedEngine(config, config.recording)

    if config.openai is not None:
        try:
            from rayboot.engines.openai.engine import OpenAIEngine
        except ImportError as error:
            raise UserError(
                "engine openai needs the openai package: pip install 'rayboot[openai]'"
            ) from error
        return OpenAIEngine(config.openai)

    if config.engine == "vllm":
        from rayboot.engines.vllm import options as vllm_options

        vllm_options.prepare(config)
        from rayboot.engines.vllm.engine import VllmEngine

        return VllmEngine(config, model)

    from rayboot.engines.transformers.engine import TransformersEngine

    return TransformersEngine(config, model)
