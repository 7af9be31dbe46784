"""Supervised fine-tuning on completions, given the prompts. Runs in every Ray Train worker."""

from __future__ import annotations

import time
from typing import Any

import ray.train
from transformers import set_seed

from rayboot.config import TrainingConfig
from rayboot.errors import UserError
from rayboot.training.callback import RefitCallback, best_of, diverged, validation_curve
from rayboot.training.checkpoints import CheckpointCadence, restored_checkpoint
from rayboot.training.examples import EncodedSet, Encoder
from rayboot.training.export import NotFinite, save_weights
from rayboot.training.job import ProgressListener, RefitJob, Workspace
from rayboot.training.policy import Policy
from rayboot.training.schedule import Schedule, TrainingOrder
from rayboot.training.trainer import CompletionTrainer, training_arguments
from rayboot.training.training_set import parquet_files, read_pairs
from rayboot.training.zero import deepspeed_options, deepspeed_process


def train(job: RefitJob, config: TrainingConfig, progress: ProgressListener) -> dict[str, Any]:
    """Write the best checkpoint to the job's workspace, and return the fields of RefitResult.

    Raises:
        UserError: The model, its adapter or an example cannot be used, or the recipe's DeepSpeed options cannot.
        RaybootError: The refit diverged before any finite validation loss, or the weights to keep are not finite.
    """
    options = deepspeed_options(config)
    with deepspeed_process(options, on_cpu=config.gpus_per_worker == 0):
        return _train(job, config, options, progress)


def _train(
    job: RefitJob, config: TrainingConfig, options: dict[str, Any] | None, progress: ProgressListener
) -> dict[str, Any]:
    policy = Policy(job.start, config.lora, frozen_in_16_bits=config.bf16)
    training = _encoded(job.training_set, job, policy)
    validation = _encoded(job.validation_set, job, policy) if job.validation_set else None
    context = ray.train.get_context()
    schedule = Schedule.plan(config, len(training.examples), context.get_world_size())
    workspace = Workspace(job)
    rank = context.get_world_rank()
    # Before the model is loaded: ZeRO-3 shards it on load, and the initial adapter is random.
    arguments = training_arguments(config, schedule, job.seed, str(workspace.scratch(rank)), options)
    set_seed(job.seed)
    trainer = CompletionTrainer(
        policy,
        arguments,
        TrainingOrder(training.examples, schedule, job.seed),
        validation.examples if validation else [],
    )
    trainer.add_callback(
        RefitCallback(
            schedule,
            patience=config.patience,
            validates=validation is not None,
            dtype=policy.dtype,
            cadence=CheckpointCadence(job.checkpoint_seconds),
            workspace=workspace,
            job_name=job.name,
            progress=progress,
        )
    )
    with restored_checkpoint(workspace, job.name) as checkpoint:
        began = time.monotonic()
        try:
            trainer.train(resume_from_checkpoint=checkpoint)
            seconds = time.monotonic() - began
            if validation is None:
                save_weights(trainer.model, policy.dtype, workspace.best, rank=rank)
        except NotFinite as error:
            raise diverged(
                f"{error} has a value that is not finite", trainer.state.global_step, config.lr
            ) from error
    result = {
        **_summary(trainer.state, schedule, training),
        "stopped_early": trainer.state.global_step < schedule.total_steps,
        "fit_seconds": round(seconds, 3),
    }
    if rank == 0:
        if not workspace.best.exists():
            raise diverged("no validation loss was finite", trainer.state.global_step, config.lr)
        policy.tokenizer.save_pretrained(workspace.best)
    trainer.release()
    return result


def _encoded(folder: str, job: RefitJob, policy: Policy) -> EncodedSet:
    encoder = Encoder(
        policy.tokenizer,
        encoder_decoder=policy.encoder_decoder,
        max_prompt_tokens=job.max_prompt_tokens,
        max_completion_tokens=job.max_completion_tokens,
        max_tokens=policy.max_tokens,
        size=policy.size,
        defaults=policy.defaults,
    )
    encoded = encoder.encode(read_pairs(parquet_files(folder)))
    if not encoded.examples:
        raise UserError(
            f"{folder}: each of its {encoded.dropped} examples is longer than max_prompt_tokens "
            f"{job.max_prompt_tokens} or max_completion_tokens {job.max_completion_tokens} allow"
        )
    return encoded


def _summary(state: Any, schedule: Schedule, training: EncodedSet) -> dict[str, Any]:
    epochs = state.global_step / schedule.steps_per_epoch
    curve = validation_curve(state.log_history)
    best_step, best_loss = best_of(curve) or (state.global_step, None)
    return {
        "steps": state.global_step,
        "epochs": epochs,
        "train_loss": _last_epoch_loss(state.log_history, state.global_step - schedule.steps_per_epoch),
        "best_step": best_step,
        "best_validation_loss": best_loss,
        "examples": len(training.examples),
        "dropped": training.dropped,
        "tokens": round(epochs * training.tokens),
        "curve": curve,
    }


def _last_epoch_loss(log_history: list[dict[str, Any]], after: int) -> float:
    """Return the mean loss of the steps after `after`. A log entry is the mean since the entry before it."""
    total = steps = previous = 0
    for entry in log_history:
        if "loss" not in entry:
            continue
        if entry["step"] > after:
            total += entry["loss"] * (entry["step"] - previous)
            steps += entry["step"] - previous
        previous = entry["step"]
    return total / steps
