"""The sections of a recipe. The field docstrings are the reference of every option."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A part of a recipe: strict about keys, frozen once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ProblemsConfig(Section):
    """Where the problems come from. A SPEC is `mbpp:PATH`, `humaneval:PATH`, `mbxp:PATH`, `apps:PATH`, `jsonl:PATH`
    or `quickstart`, with `/SPLIT` behind it where there are splits."""

    train: str
    """SPEC of the problems that the model samples and learns from."""
    validation: str
    """SPEC of the problems that choose the best iteration and stop a refit early."""
    test: str | None = None
    """SPEC of the problems that are only ever measured."""
    few_shot: str | None = None
    """SPEC of the problems whose references are shown as examples, such as `mbpp:PATH/prompt`."""
    shots: int = Field(default=0, ge=0)
    """How many few-shot examples a prompt begins with, as far as the token budget allows."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first so many problems of each set; for trying things out."""

    @model_validator(mode="after")
    def _shots_have_a_source(self) -> ProblemsConfig:
        if self.shots and self.few_shot is None:
            raise ValueError("shots needs few_shot: the SPEC of the problems to take the examples from")
        return self


class PolicyConfig(Section):
    """The model that improves itself."""

    model: str
    """Directory of a Hugging Face model with its tokenizer, a hub name, or `quickstart` for the packaged one."""
    max_prompt_tokens: int = Field(default=512, ge=16)
    """Longest prompt. The statement is never cut: a problem that does not fit is skipped and counted."""
    max_completion_tokens: int = Field(default=512, ge=1)
    """Longest completion, in generation and in training."""


class GenerationConfig(Section):
    """The pool of generation replicas."""

    engine: Literal["transformers", "recorded"] = "transformers"
    """`transformers` runs the model; `recorded` replays completions from a file."""
    replicas: int = Field(default=1, ge=1)
    """Ray actors, each with one copy of the model."""
    cpus: float = Field(default=1.0, ge=0.0)
    """CPUs that each replica asks of Ray; also its number of torch threads, rounded up."""
    gpus: float = Field(default=0.0, ge=0.0)
    """GPUs that each replica asks of Ray."""
    batch_size: int = Field(default=32, ge=1)
    """Sequences that a replica generates at once."""
    dtype: Literal["auto", "float64", "float32", "bfloat16", "float16"] = "auto"
    """Arithmetic of generation. `auto`: the checkpoint's on a GPU, float32 on a CPU. With float64 a completion
    does not depend on what shares its batch: reruns write the same attempts to the letter."""
    recording: str | None = None
    """JSONL file that the `recorded` engine replays."""
    latency: float = Field(default=0.0, ge=0.0)
    """Seconds that the `recorded` engine takes for a request."""

    @model_validator(mode="after")
    def _recorded_has_a_recording(self) -> GenerationConfig:
        if (self.engine == "recorded") != (self.recording is not None):
            raise ValueError("recording goes with engine: recorded, and is required there")
        if self.latency and self.engine != "recorded":
            raise ValueError("latency goes with engine: recorded")
        return self


class RolloutConfig(Section):
    """How training problems are sampled and repaired."""

    samples: int = Field(default=1, ge=1)
    """First attempts for each problem (n)."""
    temperature: float = Field(default=0.0, ge=0.0)
    """0 is greedy, as in the paper."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    num_beams: int = Field(default=1, ge=1)
    """More than 1: beam search; needs temperature 0 and one sample."""
    repair_rounds: int = Field(default=1, ge=0)
    """Repairs of a failing attempt; round r repairs the program of round r - 1. Mode `plain` does none."""
    workers: int = Field(default=1, ge=1)
    """Ray Data actors that carry problems from sampling to their last repair."""
    problems_in_flight: int = Field(default=128, ge=1)
    """Problems that one worker has under way at once."""

    @model_validator(mode="after")
    def _draws_that_differ(self) -> RolloutConfig:
        _check_draws(self.samples, self.temperature, self.num_beams)
        return self


class SandboxConfig(Section):
    """The pool of sandboxed execution actors."""

    executors: int = Field(default=1, ge=1)
    """Ray actors."""
    cpus: float = Field(default=1.0, gt=0.0)
    """CPUs that each executor asks of Ray; it keeps one fork server for each, rounded up."""
    timeout: float = Field(default=10.0, gt=0.0)
    """Wall-clock seconds for one program with all its tests."""
    memory_mb: int = Field(default=1024, ge=64)
    """MiB that one program may use."""
    allow_weak: bool = False
    """Run even where neither namespaces nor Landlock and seccomp are to be had (tier C)."""


class CurationConfig(Section):
    """Which attempts become training examples."""

    reference_fallback: bool = True
    """Teach the reference on the last prompt of a problem that was never solved."""
    reinforce_first_prompt: bool = False
    """Teach a passing repair on the first prompt too."""
    replay: bool = False
    """Add verified solutions and repairs of earlier iterations."""
    max_per_problem: int | None = Field(default=None, ge=1)
    """Examples of one problem at most, newest first."""


class TrainingConfig(Section):
    """The refit."""

    start: Literal["pretrained", "previous"] = Field(default="pretrained", alias="from")
    """Weights that each refit begins with: the pretrained ones (the paper), or the iteration's before."""
    workers: int = Field(default=1, ge=1)
    """Ray Train workers (data parallel)."""
    cpus_per_worker: float = Field(default=1.0, gt=0.0)
    """CPUs that each worker asks of Ray; also its number of torch threads, rounded up."""
    gpus_per_worker: float = Field(default=0.0, ge=0.0)
    """GPUs that each worker asks of Ray: 0 or 1 as a rule."""
    epochs: float = Field(default=10.0, gt=0.0)
    lr: float = Field(default=5e-5, gt=0.0)
    """Peak learning rate of AdamW."""
    batch_size: int = Field(default=24, ge=1)
    """Examples of one optimizer step, over all workers and accumulation steps."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Examples of one forward pass of one worker; gradients are accumulated up to `batch_size`."""
    weight_decay: float = Field(default=0.05, ge=0.0)
    warmup_ratio: float = Field(default=0.5, ge=0.0, le=1.0)
    """Part of the steps in which the learning rate rises."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """Course of the learning rate after the warm-up."""
    max_grad_norm: float = Field(default=1.0, gt=0.0)
    bf16: bool = False
    """bfloat16 autocast."""
    gradient_checkpointing: bool = False
    evaluations_per_epoch: float = Field(default=1.0, gt=0.0)
    """How often the validation loss is measured."""
    patience: int | None = Field(default=6, ge=1)
    """Evaluations without a better validation loss after which a refit stops; null never stops early."""
    max_failures: int = Field(default=1, ge=0)
    """Times that a refit whose worker died goes on from its last checkpoint."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _batches_divide(self) -> TrainingConfig:
        micro = self.micro_batch_size or max(1, self.batch_size // self.workers)
        if self.batch_size % (micro * self.workers):
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of workers x micro_batch_size "
                f"= {self.workers} x {micro}"
            )
        return self


class EvaluationConfig(Section):
    """How validation and test problems are measured after each refit."""

    samples: int = Field(default=1, ge=1)
    """First attempts for each problem (n)."""
    temperature: float = Field(default=0.0, ge=0.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    repair_rounds: int = Field(default=1, ge=0)
    """Repairs of a failing attempt; with feedback as the mode says, `simple` in modes that have none."""
    k: tuple[int, ...] = Field(default=(1,), min_length=1)
    """pass@k and repair@k are reported for each k; none larger than `samples`."""
    num_beams: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _k_fits_samples(self) -> EvaluationConfig:
        _check_draws(self.samples, self.temperature, self.num_beams)
        if 1 not in self.k or min(self.k) < 1 or max(self.k) > self.samples:
            raise ValueError(f"k must hold 1 and nothing outside 1..samples = {self.samples}; got {self.k}")
        return self


def _check_draws(samples: int, temperature: float, num_beams: int) -> None:
    if samples > 1 and temperature == 0:
        raise ValueError(f"samples = {samples} needs a temperature above 0: greedy samples are all the same")
    if num_beams > 1 and (temperature > 0 or samples > 1):
        raise ValueError("num_beams > 1 needs temperature 0 and samples 1")
