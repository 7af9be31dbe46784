"""Supervised fine-tuning on completions, given the prompts. Runs in every Ray Train worker."""

from __future__ import annotations

from collections.abc import Callable

import ray.train
from torch import Tensor
from transformers import TrainerState, set_seed

from rayboot.config import TrainingConfig
from rayboot.errors import UserError
from rayboot.training.callback import (
    RefitCallback,
    best_of,
    train_to_best,
    validation_curve,
)
from rayboot.training.examples import EncodedSet, Encoder
from rayboot.training.job import RefitJob, RefitResult, StepListener, Workspace
from rayboot.training.policy import Policy
from rayboot.training.schedule import Schedule, TrainingOrder
from rayboot.training.trainer import (
    Collator,
    CompletionLoss,
    CompletionTrainer,
    can_limit_logits,
    training_arguments,
)
from rayboot.training.training_set import parquet_files, read_pairs
from rayboot.training.zero import deepspeed_options, deepspeed_process


def train(job: RefitJob, config: TrainingConfig, progress: StepListener) -> RefitResult:
    """Write the best checkpoint to the job's workspace, and return the result.

    Raise UserError if the model, an example or the recipe's DeepSpeed options cannot be used; RaybootError if the refit
    diverged before any finite validation loss, or the weights to keep are not finite.
    """
    options = deepspeed_options(config)
    with deepspeed_process(options, on_cpu=config.gpus_per_worker == 0):
        policy = Policy(job.start, config.lora, frozen_in_16_bits=config.bf16)
        training = _encoded(job.training_set, job, policy)
        validation = _encoded(job.validation_set, job, policy).examples if job.validation_set else []
        context = ray.train.get_context()
        schedule = Schedule.plan(config, len(training.examples), context.get_world_size())
        scratch = Workspace(job).scratch(context.get_world_rank())
        # Before the model is loaded: ZeRO-3 shards it on load, and the initial adapter is random.
        arguments = training_arguments(config, schedule, job.seed, str(scratch), options)
        set_seed(job.seed)
        trainer = CompletionTrainer(
            policy.model,
            arguments,
            TrainingOrder(training.examples, schedule, job.seed),
            validation,
            _collator(policy),
            CompletionLoss(causal=not policy.encoder_decoder),
        )
        seconds = train_to_best(trainer, RefitCallback(job, config, policy, schedule, progress))
        return _result(trainer.state, schedule, training, seconds)


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
            + (f", or than the model's {policy.max_tokens} tokens" if policy.max_tokens else "")
        )
    return encoded


def _collator(policy: Policy) -> Collator:
    if policy.encoder_decoder:
        shift: Callable[..., Tensor] = policy.model.prepare_decoder_input_ids_from_labels  # type: ignore[assignment]
        return Collator(policy.pad_token_id, shift)
    return Collator(policy.pad_token_id, limits_logits=can_limit_logits(policy.model))


def _result(state: TrainerState, schedule: Schedule, training: EncodedSet, seconds: float) -> RefitResult:
    epochs = state.global_step / schedule.steps_per_epoch
    curve = validation_curve(state.log_history)
    best_step, best_loss = best_of(curve) or (state.global_step, None)
    return RefitResult(
        steps=state.global_step,
        epochs=epochs,
        train_loss=_last_epoch_loss(state.log_history, state.global_step - schedule.steps_per_epoch),
        best_step=best_step,
        best_validation_loss=best_loss,
        stopped_early=state.global_step < schedule.total_steps,
        examples=len(training.examples),
        dropped=training.dropped,
        tokens=round(epochs * training.tokens),
        fit_seconds=round(seconds, 3),
        curve=tuple(curve),
    )


def _last_epoch_loss(log_history: list[dict[str, float]], after: int) -> float:
    """Return the mean loss of the steps after `after`. A log entry is the mean since the entry before it."""
    total = steps = previous = 0.0
    for entry in log_history:
        if "loss" not in entry:
            continue
        if entry["step"] > after:
            total += entry["loss"] * (entry["step"] - previous)
            steps += entry["step"] - previous
        previous = entry["step"]
    return total / steps
