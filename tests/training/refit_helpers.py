"""Helpers of the refit tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from support.ray_cluster import ray_processes
from transformers import AutoModelForCausalLM, AutoTokenizer

from rayboot.config import TrainingConfig
from rayboot.training import RefitJob, RefitResult, Refitter
from rayboot.training.examples import Encoder
from rayboot.training.job import StepListener
from rayboot.training.trainer import Collator, CompletionLoss
from rayboot.training.training_set import parquet_files, read_pairs

MakeJob = Callable[..., RefitJob]


def weights(checkpoint: str) -> dict[str, torch.Tensor]:
    """Load the weights of a model or an adapter."""
    [file] = Path(checkpoint).glob("*.safetensors")
    return load_file(file)


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def refit(job: RefitJob, config: TrainingConfig, progress: StepListener | None = None) -> RefitResult:
    """Run one refit with its own workers."""
    with Refitter(config, job.storage, job.name) as refitter:
        return refitter.refit(job, progress)


def without_time(result: RefitResult) -> RefitResult:
    return result.model_copy(update={"fit_seconds": 0.0})


def loss_of(checkpoint: str, examples: str) -> float:
    """Return the mean loss per token, computed one example at a time; for an adapter, with PEFT."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    encoder = Encoder(
        AutoTokenizer.from_pretrained(checkpoint),
        encoder_decoder=False,
        max_prompt_tokens=999,
        max_completion_tokens=999,
        max_tokens=None,
    )
    encoded = encoder.encode(read_pairs(parquet_files(examples)))
    total = 0.0
    for example in encoded.examples:
        batch = Collator(0)([example])
        labels = batch.pop("labels")
        with torch.no_grad():
            total += float(CompletionLoss(causal=True).total(model(**batch).logits, labels))
    return total / encoded.tokens


def has_checkpoint(job: RefitJob, run: str) -> bool:
    """Return whether Ray Train has registered a checkpoint: files alone may still be in transfer."""
    record = Path(job.storage, run, "checkpoint_manager_snapshot.json")
    return record.exists() and '"latest_checkpoint_result":{' in record.read_text()


class Killer:
    """Progress listener that kills the worker, or actors of other kinds one after another, once there is a checkpoint.

    Actors that ran before belong to other refits, and are spared.
    """

    def __init__(self, job: RefitJob, *kinds: str) -> None:
        self._job = job
        self._kinds = kinds or ("RayTrainWorker",)
        self._others = {kind: ray_processes(kind) for kind in self._kinds}
        self.killed: list[str] = []
        self.steps_after: list[int] = []

    def __call__(self, step: int, total: int, loss: float) -> None:
        if self.killed:
            self.steps_after.append(step)
        if self.killed == list(self._kinds):
            return
        due = total * (len(self.killed) + 1) / (len(self._kinds) + 2)
        if due < step < total and has_checkpoint(self._job, self._job.name):
            kind = self._kinds[len(self.killed)]
            (ray_processes(kind) - self._others[kind]).pop().kill()
            self.killed.append(kind)
