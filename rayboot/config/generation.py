"""Recipe section `generation`: the engines that write completions."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from rayboot.values import Section


class VllmConfig(Section):
    """Options of the `vllm` engine."""

    tensor_parallel: int = Field(default=1, ge=1)
    """GPUs of one node that share each copy of the model; `gpus` must be equal, or a fraction if this is 1. With
    `gpus: 0`: processes that share each copy."""
    max_model_len: int | None = Field(default=None, ge=16)
    """Maximum number of tokens of prompt and completion together; null: the maximum of the model."""
    gpu_memory_utilization: float = Field(default=0.9, gt=0.0, le=1.0)
    """Fraction of a GPU's memory for weights and key-value cache."""
    cpu_cache_gib: float = Field(default=1.0, gt=0.0)
    """GiB of key-value cache on a machine without GPUs, rounded up."""
    enforce_eager: bool | None = None
    """Disable CUDA graphs and compilation: faster start, slower steps. null: true on a CPU, false on a GPU."""
    prefix_caching: bool = True
    """Compute prefixes that prompts share, such as few-shot examples, once."""
    max_lora_rank: int | None = Field(default=None, ge=1, le=512)
    """Maximum rank of the adapters to load as new weights; null: load whole checkpoints."""
    sleep: bool = False
    """Release GPU memory while a refit runs on the same GPU. Each GPU must be divided between a replica and a training
    worker, such as `gpus: 0.75` and `training.gpus_per_worker: 0.25`."""
    request_timeout: float | None = Field(default=None, gt=0.0)
    """Seconds until a request is aborted; completions then have the finish reason `abort`. null: never."""


class OpenAIConfig(Section):
    """Options of the `openai` engine, for any server with the OpenAI API."""

    base_url: str
    """URL of the API, such as `http://127.0.0.1:8000/v1`."""
    model: str
    """Name of the model on the server."""
    api: Literal["completions", "chat"] = "chat"
    """`chat` sends the prompt as a user message; `completions` as text to continue, as the policy is prompted."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable with the API key. The key is never stored in a recipe or a run."""
    chat_token_limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """Chat API parameter that limits completion tokens; some servers accept only the old name, `max_tokens`."""
    max_concurrency: int = Field(default=32, ge=1)
    """Maximum number of requests in flight per replica."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Maximum number of requests per minute and replica, retries included; they are evenly spaced. null: no limit."""
    timeout: float = Field(default=120.0, gt=0.0)
    """Timeout of one request, in seconds; each retry has the same."""
    max_retries: int = Field(default=6, ge=0)
    """Maximum number of retries of a request, with growing pauses, after a rate limit, a server error or a lost
    connection."""
    input_price: float = Field(default=0.0, ge=0.0)
    """Price per million prompt tokens, in any currency."""
    output_price: float = Field(default=0.0, ge=0.0)
    """Price per million completion tokens, in the same currency."""

    @model_validator(mode="after")
    def _holds_no_secret(self) -> OpenAIConfig:
        # Messages of this validator quote no value: an invalid value may be the key.
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", self.base_url):
            raise ValueError(
                "base_url must be like http://127.0.0.1:8000/v1, without user, password or query: the key belongs "
                "in the environment variable that api_key_env names"
            )
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.api_key_env):
            raise ValueError("api_key_env must be the name of an environment variable, not the key")
        return self


class GenerationConfig(Section):
    """Pool of generation replicas."""

    engine: Literal["transformers", "vllm", "openai", "recorded"] = "transformers"
    """`transformers` and `vllm` run the model, `openai` calls a server, `recorded` replays completions from a file."""
    replicas: int = Field(default=1, ge=1)
    """Number of Ray actors, each with one copy of the model."""
    cpus: float = Field(default=1.0, ge=0.0)
    """CPUs that each replica requests from Ray; rounded up, also the number of threads per replica."""
    gpus: float = Field(default=0.0, ge=0.0)
    """GPUs that each replica requests from Ray."""
    batch_size: int = Field(default=32, ge=1)
    """Maximum number of sequences that a replica generates at once."""
    dtype: Literal["auto", "float64", "float32", "bfloat16", "float16"] = "auto"
    """Data type of generation. `auto`: that of the checkpoint on a GPU, float32 on a CPU. With float64 a completion
    does not depend on the other sequences of the batch: reruns produce identical attempts."""
    vllm: VllmConfig = VllmConfig()
    openai: OpenAIConfig | None = None
    """Server and options of the `openai` engine."""
    recording: str | None = None
    """JSONL file that the `recorded` engine replays."""
    latency: float = Field(default=0.0, ge=0.0)
    """Mean seconds per completion of the `recorded` engine."""
    latency_spread: float = Field(default=0.0, ge=0.0)
    """Standard deviation of the logarithm of these seconds; 0: every completion takes `latency`."""

    @model_validator(mode="after")
    def _options_belong_to_the_engine(self) -> GenerationConfig:
        if (self.engine == "recorded") != (self.recording is not None):
            raise ValueError("recording must be set with engine: recorded, and only then")
        if self.latency and self.engine != "recorded":
            raise ValueError("latency needs engine: recorded")
        if self.latency_spread and not self.latency:
            raise ValueError("latency_spread needs latency above 0")
        if (self.engine == "openai") != (self.openai is not None):
            raise ValueError("openai must be set with engine: openai, and only then")
        if self.engine != "vllm" and self.vllm != VllmConfig():
            raise ValueError("vllm needs engine: vllm")
        return self

    @model_validator(mode="after")
    def _vllm_can_do_it(self) -> GenerationConfig:
        if self.engine == "vllm":
            if self.dtype == "float64":
                raise ValueError(
                    "engine: vllm does not support float64; use float32, bfloat16, float16 or auto"
                )
            parallel = self.vllm.tensor_parallel
            if self.gpus not in (0, parallel) and max(self.gpus, parallel) > 1:
                raise ValueError(f"gpus = {self.gpus:g} and vllm.tensor_parallel = {parallel} must be equal")
        return self
