"""The section of a recipe about the refit."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from rayboot.config.section import Section


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
