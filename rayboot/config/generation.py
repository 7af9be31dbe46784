"""The section of a recipe about the engines that write completions."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from rayboot.values import Section


class VllmConfig(Section):
    """Options of the `vllm` engine."""

    tensor_parallel: int = Field(default=1, ge=1)
    """GPUs of one node that share each copy of the model; `gpus` must be the same number. Without GPUs: processes that
    share it."""
    max_model_len: int | None = Field(default=None, ge=16)
    """Longest prompt and completion together; null: what the model allows."""
    gpu_memory_utilization: float = Field(default=0.9, gt=0.0, le=1.0)
    """Part of a GPU's memory for weights and cache."""
    cpu_cache_gib: float = Field(default=1.0, gt=0.0)
    """GiB of key-value cache on a machine without GPUs."""
    enforce_eager: bool | None = None
    """No CUDA graphs and no compilation: a faster start, slower steps. null: on a CPU only."""
    prefix_caching: bool = True
    """Compute the prompts' common beginnings, as few-shot examples, once."""
    max_lora_rank: int | None = Field(default=None, ge=1)
    """Take adapters of up to this rank as new weights; null: whole checkpoints."""
    sleep: bool = False
    """Give the GPU's memory back while a refit runs on it: each GPU is then divided between a replica and a training
    worker, such as `gpus: 0.75` and `training.gpus_per_worker: 0.25`."""
    request_timeout: float | None = Field(default=None, gt=0.0)
    """Seconds after which a request is aborted: its completions then have the finish reason `abort`."""


class OpenAIConfig(Section):
    """Options of the `openai` engine: any server that speaks the OpenAI API."""

    base_url: str
    """Where the API is, such as `http://127.0.0.1:8000/v1`."""
    model: str
    """Name of the model on the server."""
    api: Literal["completions", "chat"] = "chat"
    """`chat` sends the prompt as a user's message; `completions` as text to go on with, as policies are prompted."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key. The key itself is never part of a recipe or a run."""
    chat_token_limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """What the chat API calls the limit on a completion's tokens; some servers know only the old name."""
    max_concurrency: int = Field(default=32, ge=1)
    """Requests of each replica under way at once."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Requests of each replica begun in a minute at most, repetitions included. They are evenly spaced."""
    timeout: float = Field(default=120.0, gt=0.0)
    """Seconds for one request."""
    max_retries: int = Field(default=6, ge=0)
    """Times that a request is repeated after a rate limit, a server's error or a lost connection, after pauses that
    grow."""
    input_price: float = Field(default=0.0, ge=0.0)
    """Price of a million prompt tokens, in any currency."""
    output_price: float = Field(default=0.0, ge=0.0)
    """Price of a million completion tokens."""

    @model_validator(mode="after")
    def _holds_no_secret(self) -> OpenAIConfig:
        # A message of this validator quotes nothing: what is wrong may be the key itself.
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", self.base_url):
            raise ValueError(
                "base_url must be like http://127.0.0.1:8000/v1, without user, password or query: a key belongs "
                "in the environment variable that api_key_env names"
            )
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.api_key_env):
            raise ValueError("api_key_env must be the name of an environment variable, never the key itself")
        return self


class GenerationConfig(Section):
    """The pool of generation replicas."""

    engine: Literal["transformers", "vllm", "openai", "recorded"] = "transformers"
    """`transformers` and `vllm` run the model; `openai` asks a server; `recorded` replays completions from a file."""
    replicas: int = Field(default=1, ge=1)
    """Ray actors, each with one copy of the model."""
    cpus: float = Field(default=1.0, ge=0.0)
    """CPUs that each replica asks of Ray; also its number of threads, rounded up."""
    gpus: float = Field(default=0.0, ge=0.0)
    """GPUs that each replica asks of Ray."""
    batch_size: int = Field(default=32, ge=1)
    """Sequences that a replica generates at once."""
    dtype: Literal["auto", "float64", "float32", "bfloat16", "float16"] = "auto"
    """Arithmetic of generation. `auto`: the checkpoint's on a GPU, float32 on a CPU. With float64 a completion
    does not depend on what shares its batch: reruns write the same attempts to the letter."""
    vllm: VllmConfig = VllmConfig()
    openai: OpenAIConfig | None = None
    """What the `openai` engine asks, and how."""
    recording: str | None = None
    """JSONL file that the `recorded` engine replays."""
    latency: float = Field(default=0.0, ge=0.0)
    """Seconds that the `recorded` engine takes for a completion, on average."""
    latency_spread: float = Field(default=0.0, ge=0.0)
    """How much those seconds differ: the standard deviation of their logarithm. 0: not at all."""

    @model_validator(mode="after")
    def _options_belong_to_the_engine(self) -> GenerationConfig:
        if (self.engine == "recorded") != (self.recording is not None):
            raise ValueError("recording goes with engine: recorded, and is required there")
        if self.latency and self.engine != "recorded":
            raise ValueError("latency goes with engine: recorded")
        if self.latency_spread and not self.latency:
            raise ValueError("latency_spread goes with latency, which it spreads")
        if (self.engine == "openai") != (self.openai is not None):
            raise ValueError("openai goes with engine: openai, and is required there")
        if self.engine != "vllm" and self.vllm != VllmConfig():
            raise ValueError("vllm goes with engine: vllm")
        return self

    @model_validator(mode="after")
    def _vllm_can_do_it(self) -> GenerationConfig:
        if self.engine == "vllm":
            if self.dtype == "float64":
                raise ValueError("engine: vllm has no float64; use float32, bfloat16, float16 or auto")
            parallel = self.vllm.tensor_parallel
            if self.gpus not in (0, parallel) and max(self.gpus, parallel) > 1:
                raise ValueError(f"gpus = {self.gpus:g} and vllm.tensor_parallel = {parallel} must be equal")
        return self
