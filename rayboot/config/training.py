"""Recipe section `training`: the refit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rayboot.values import Section


class LoraConfig(Section):
    """Low-rank adaptation (LoRA, by PEFT): the weights are frozen, and low-rank matrices beside them are trained."""

    rank: int = Field(default=16, ge=1)
    """Rank of the matrices."""
    alpha: float = Field(default=32.0, gt=0.0)
    """Scale: the output of the matrices is multiplied by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Dropout probability on the input of the matrices."""
    target_modules: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Names of the layers to adapt, such as `[q_proj, v_proj]`; null: all linear layers except the output layer."""


class TrainingConfig(Section):
    """Refit of the policy."""

    lora: LoraConfig | None = None
    """Train and export an adapter instead of all weights; null: full fine-tuning."""
    workers: int = Field(default=1, ge=1)
    """Number of Ray Train workers (data parallel)."""
    min_workers: int | None = Field(default=None, ge=1)
    """Minimum number of workers of an elastic refit. The refit starts with as many workers as fit, from `min_workers`
    to `workers`; when one is lost, it continues with as many as fit then. null: always `workers`."""
    cpus_per_worker: float = Field(default=1.0, gt=0.0)
    """CPUs that each worker requests from Ray; rounded up, also the number of torch threads per worker."""
    gpus_per_worker: float = Field(default=0.0, ge=0.0)
    """GPUs that each worker requests from Ray, usually 0 or 1."""
    deepspeed: str | None = None
    """`zero2` shards optimizer states and gradients among the workers; `zero3` shards the weights, too. Or the path of
    a DeepSpeed JSON, in which "auto" stands for the value of the recipe. null: each worker holds all (DDP)."""
    epochs: float = Field(default=10.0, gt=0.0)
    lr: float = Field(default=5e-5, gt=0.0)
    """Peak learning rate of AdamW."""
    batch_size: int = Field(default=24, ge=1)
    """Examples per optimizer step, over all workers and accumulation steps."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Examples per forward pass of one worker; gradients are accumulated up to `batch_size`. null: no accumulation."""
    weight_decay: float = Field(default=0.05, ge=0.0)
    warmup_ratio: float = Field(default=0.5, ge=0.0, le=1.0)
    """Fraction of the optimizer steps in which the learning rate rises."""
    schedule: Literal["linear", "cosine", "polynomial", "constant"] = "linear"
    """Learning rate after the warm-up: `constant`, or a decay to 0."""
    power: float = Field(default=2.0, gt=0.0)
    """Exponent of the `polynomial` schedule; 1 equals `linear`."""
    max_grad_norm: float = Field(default=1.0, gt=0.0)
    bf16: bool = False
    """bfloat16 autocast."""
    gradient_checkpointing: bool = False
    evaluations_per_epoch: float = Field(default=1.0, gt=0.0)
    """Number of measurements of the validation loss per epoch; one more follows the last step."""
    patience: int | None = Field(default=6, ge=1)
    """Number of evaluations without a better validation loss until a refit stops. null: neither validation nor early
    stop."""
    max_failures: int = Field(default=1, ge=0)
    """Maximum number of times that a refit resumes from the last checkpoint after the loss of a worker."""

    @model_validator(mode="after")
    def _batches_divide(self) -> TrainingConfig:
        micro = self.micro_batch_size or max(1, self.batch_size // self.workers)
        if self.batch_size % (micro * self.workers):
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of workers x micro_batch_size "
                f"= {self.workers} x {micro}"
            )
        return self

    @model_validator(mode="after")
    def _elastic_workers(self) -> TrainingConfig:
        if self.min_workers is not None and self.min_workers > self.workers:
            raise ValueError(f"min_workers {self.min_workers} exceeds workers {self.workers}")
        if self.min_workers is not None and self.deepspeed:
            raise ValueError(
                "min_workers does not work with deepspeed, whose checkpoints need the same number of workers"
            )
        return self

    @model_validator(mode="after")
    def _options_go_together(self) -> TrainingConfig:
        if self.power != 2.0 and self.schedule != "polynomial":
            raise ValueError("power needs schedule: polynomial")
        if self.deepspeed not in (None, "zero2", "zero3") and not str(self.deepspeed).endswith(".json"):
            raise ValueError("deepspeed must be zero2, zero3 or the path of a .json file")
        if self.lora and self.deepspeed == "zero3":
            raise ValueError("lora does not work with deepspeed: zero3; use deepspeed: zero2")
        return self
