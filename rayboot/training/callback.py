"""The course of a refit: when to log, evaluate, keep the best weights, save a checkpoint, resume and stop."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import ray.train
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from rayboot.config import TrainingConfig
from rayboot.errors import RaybootError
from rayboot.training.job import RefitJob, StepListener, Workspace
from rayboot.training.policy import NotFinite, Policy, save_weights
from rayboot.training.schedule import Schedule
from rayboot.training.trainer import CompletionTrainer

MIN_INTERVAL_RATIO = 10
"""Least interval between two checkpoints, as a multiple of the time to save one: of slow ones there are fewer."""

STATE = "state"
"""Folder of the Trainer's own checkpoint in one of Ray Train's: weights, optimizer, scheduler, random states, log."""
BEST = "best"
"""Folder of the best weights so far, absent if there are none."""
OWNER = "job"
"""File with the name of the checkpoint's refit: Ray Train keeps the latest checkpoint of all refits of its workers."""

Curve = list[tuple[int, float]]
"""Step and validation loss of each evaluation."""


def validation_curve(log_history: list[dict[str, float]]) -> Curve:
    return [(int(entry["step"]), entry["eval_loss"]) for entry in log_history if "eval_loss" in entry]


def best_of(curve: Curve) -> tuple[int, float] | None:
    """Return step and loss of the lowest finite validation loss, the first of equals; None if none is finite."""
    finite = [point for point in curve if math.isfinite(point[1])]
    return min(finite, key=lambda point: point[1], default=None)


def out_of_patience(curve: Curve, patience: int | None) -> bool:
    """Return whether none of the last `patience` evaluations was better than the best before them."""
    best = best_of(curve)
    since_best = sum(best is None or step > best[0] for step, _ in curve)
    return patience is not None and since_best >= patience


def diverged(symptom: str, step: int, lr: float) -> RaybootError:
    return RaybootError(
        f"the refit diverged: after step {step} {symptom}. A training.lr below {lr:g}, or a smaller "
        "training.max_grad_norm, may help"
    )


@dataclass(eq=False)
class RefitCallback(TrainerCallback):
    """Controls the Trainer.

    Its decisions are a function of the Trainer's own log, which is part of every checkpoint: a resumed refit decides
    as an uninterrupted one. Only the time of a checkpoint depends on the clock.
    """

    job: RefitJob
    config: TrainingConfig
    policy: Policy
    schedule: Schedule
    progress: StepListener
    _loss: float = field(default=math.nan, init=False)
    _saved_at: float = field(default_factory=time.monotonic, init=False)
    _save_began: float = field(default=0.0, init=False)
    _save_seconds: float = field(default=0.0, init=False)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        milestone = state.global_step in self.schedule.evaluations
        # Log at each milestone, so that a checkpoint falls on a boundary of the log and loses no loss.
        control.should_log = milestone or state.global_step % self.schedule.log_every == 0
        control.should_evaluate = milestone and self.job.validation_set is not None
        control.should_save = milestone and state.global_step < state.max_steps and self._save_is_due()
        self._save_began = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        if logs and "loss" in logs:
            self._loss = logs["loss"]
            if not math.isfinite(self._loss):
                if best_of(validation_curve(state.log_history)) is None:
                    raise diverged(f"the training loss is {self._loss}", state.global_step, self.config.lr)
                control.should_training_stop = True  # keep the best weights so far
        if state.is_world_process_zero:
            self.progress(state.global_step, state.max_steps, self._loss)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        curve, best_weights = validation_curve(state.log_history), Workspace(self.job).best
        best = best_of(curve)
        if best is not None and best[0] == state.global_step:
            save_weights(self.policy.model, self.policy.dtype, best_weights, rank=args.process_index)
        if out_of_patience(curve, self.config.patience):
            control.should_training_stop = True
            control.should_save = False
        self._save_began = time.monotonic()

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        _report_checkpoint(Path(str(args.output_dir), f"checkpoint-{state.global_step}"), self.job)
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - self._save_began

    def _save_is_due(self) -> bool:
        """Return rank 0's decision on all ranks: saving is a collective."""
        waited = time.monotonic() - self._saved_at
        due = [waited >= max(self.job.checkpoint_seconds, MIN_INTERVAL_RATIO * self._save_seconds)]
        if ray.train.get_context().get_world_size() > 1:
            torch.distributed.broadcast_object_list(due, src=0)
        return due[0]


def train_to_best(trainer: CompletionTrainer, callback: RefitCallback) -> float:
    """Train, from the last checkpoint of an interrupted refit, and return the seconds that it took.

    Leave the weights to keep, and the tokenizer, in the workspace. Raise RaybootError if the refit diverged.
    """
    job, policy, best_weights = callback.job, callback.policy, Workspace(callback.job).best
    rank = trainer.args.process_index
    trainer.add_callback(callback)
    with _restored_checkpoint(job) as checkpoint:
        began = time.monotonic()
        try:
            trainer.train(resume_from_checkpoint=checkpoint)
            seconds = time.monotonic() - began
            if job.validation_set is None:
                save_weights(policy.model, policy.dtype, best_weights, rank=rank)
        except NotFinite as error:
            symptom = f"{error} has a value that is not finite"
            raise diverged(symptom, trainer.state.global_step, callback.config.lr) from error
    if rank == 0:
        if not best_weights.exists():
            raise diverged("no validation loss was finite", trainer.state.global_step, callback.config.lr)
        policy.tokenizer.save_pretrained(best_weights)
    trainer.release()
    return seconds


def _report_checkpoint(trainer_checkpoint: Path, job: RefitJob) -> None:
    """Report a checkpoint of the Trainer to Ray Train, together with the best weights so far.

    Every rank reports its own folder with its own random state; Ray Train merges them into one checkpoint.
    """
    staging, best = trainer_checkpoint.with_name("staging"), Workspace(job).best
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    os.rename(trainer_checkpoint, staging / STATE)
    (staging / OWNER).write_text(job.name)
    if ray.train.get_context().get_world_rank() == 0 and best.exists():
        shutil.copytree(best, staging / BEST, copy_function=os.link)
    ray.train.report({}, checkpoint=ray.train.Checkpoint.from_directory(str(staging)))
    shutil.rmtree(staging)


@contextmanager
def _restored_checkpoint(job: RefitJob) -> Iterator[str | None]:
    """Yield the Trainer's checkpoint to resume from, or None at a first start. Reset the workspace to match it."""
    rank, workspace = ray.train.get_context().get_world_rank(), Workspace(job)
    shutil.rmtree(workspace.scratch(rank), ignore_errors=True)
    workspace.scratch(rank).mkdir(parents=True)
    if rank == 0:
        shutil.rmtree(workspace.best, ignore_errors=True)
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        yield None
        return
    with checkpoint.as_directory() as directory:
        if Path(directory, OWNER).read_text() != job.name:
            yield None
            return
        if rank == 0 and Path(directory, BEST).exists():
            shutil.copytree(Path(directory, BEST), workspace.best)
        yield str(Path(directory, STATE))
