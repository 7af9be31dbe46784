"""The section of a recipe about the refit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rayboot.values import Section


class LoraConfig(Section):
    """Low-rank adaptation (LoRA, by PEFT): the weights stay, and small matrices beside them are trained."""

    rank: int = Field(default=16, ge=1)
    """Rank of the matrices."""
    alpha: float = Field(default=32.0, gt=0.0)
    """What the matrices add is multiplied by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Dropout before the matrices."""
    target_modules: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Names of the layers that get an adapter, such as `[q_proj, v_proj]`; null: all linear layers but the output's."""


class TrainingConfig(Section):
    """The refit."""

    lora: LoraConfig | None = None
    """Train and export an adapter instead of all weights; null: full fine-tuning."""
    workers: int = Field(default=1, ge=1)
    """Ray Train workers (data parallel)."""
    min_workers: int | None = Field(default=None, ge=1)
    """Elastic: a refit begins with as many workers as there is room for, from so many up to `workers`, and goes on with
    those that there is room for when one is lost; null: always `workers`."""
    cpus_per_worker: float = Field(default=1.0, gt=0.0)
    """CPUs that each worker asks of Ray; also its number of torch threads, rounded up."""
    gpus_per_worker: float = Field(default=0.0, ge=0.0)
    """GPUs that each worker asks of Ray: 0 or 1 as a rule."""
    deepspeed: str | None = None
    """Share optimizer states and gradients (`zero2`), or the weights too (`zero3`), among the workers; or the path of
    a DeepSpeed JSON, where "auto" means what the recipe says. null: each worker has all (DDP)."""
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
    schedule: Literal["linear", "cosine", "polynomial", "constant"] = "linear"
    """Course of the learning rate after the warm-up: down to 0, or constant."""
    power: float = Field(default=2.0, gt=0.0)
    """Power of the `polynomial` schedule; 1 would be `linear`."""
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
            raise ValueError(f"min_workers {self.min_workers} is more than workers {self.workers}")
        if self.min_workers is not None and self.deepspeed:
            raise ValueError(
                "min_workers does not go with deepspeed, whose checkpoints belong to one number of workers"
            )
        return self

    @model_validator(mode="after")
    def _options_go_together(self) -> TrainingConfig:
        if self.power != 2.0 and self.schedule != "polynomial":
            raise ValueError("power goes with schedule: polynomial")
        if self.deepspeed not in (None, "zero2", "zero3") and not str(self.deepspeed).endswith(".json"):
            raise ValueError("deepspeed must be zero2, zero3 or the path of a .json file")
        if self.lora and self.deepspeed == "zero3":
            raise ValueError("lora does not go with deepspeed: zero3; use deepspeed: zero2")
        return self
