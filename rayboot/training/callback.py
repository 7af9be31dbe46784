"""The Trainer's callback in a refit: when to log, evaluate, keep the best weights, save and stop."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from rayboot.errors import RaybootError
from rayboot.training.checkpoints import CheckpointCadence, report_checkpoint
from rayboot.training.export import save_weights
from rayboot.training.job import ProgressListener, Workspace
from rayboot.training.schedule import Schedule

Curve = list[tuple[int, float]]
"""Step and validation loss of each evaluation."""


def validation_curve(log_history: list[dict[str, Any]]) -> Curve:
    return [(entry["step"], entry["eval_loss"]) for entry in log_history if "eval_loss" in entry]


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


class RefitCallback(TrainerCallback):
    """Controls the Trainer.

    Its decisions are a function of the Trainer's own log, which is part of every checkpoint: a resumed refit decides
    as an uninterrupted one. Only the time of a checkpoint depends on the clock.
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        patience: int | None,
        validates: bool,
        dtype: torch.dtype,
        cadence: CheckpointCadence,
        workspace: Workspace,
        job_name: str,
        progress: ProgressListener,
    ) -> None:
        self._schedule = schedule
        self._patience = patience
        self._validates = validates
        self._dtype = dtype
        self._cadence = cadence
        self._workspace = workspace
        self._job_name = job_name
        self._progress = progress
        self._loss = math.nan
        self._save_began = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        milestone = state.global_step in self._schedule.evaluations
        # Log at each milestone, so that a checkpoint falls on a boundary of the log and loses no loss.
        control.should_log = milestone or state.global_step % self._schedule.log_every == 0
        control.should_evaluate = milestone and self._validates
        control.should_save = milestone and state.global_step < state.max_steps and self._cadence.is_due()
        self._save_began = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._loss = kwargs["logs"].get("loss", self._loss)
        if "loss" in kwargs["logs"] and not math.isfinite(self._loss):
            if best_of(validation_curve(state.log_history)) is None:
                raise diverged(f"the training loss is {self._loss}", state.global_step, args.learning_rate)
            control.should_training_stop = True  # keep the best weights so far
        if state.is_world_process_zero:
            self._progress(state.global_step, state.max_steps, self._loss)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        curve = validation_curve(state.log_history)
        best = best_of(curve)
        if best is not None and best[0] == state.global_step:
            save_weights(kwargs["model"], self._dtype, self._workspace.best, rank=args.process_index)
        if out_of_patience(curve, self._patience):
            control.should_training_stop = True
            control.should_save = False
        self._save_began = time.monotonic()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        report_checkpoint(
            Path(args.output_dir) / f"checkpoint-{state.global_step}", self._workspace, self._job_name
        )
        self._cadence.saved(time.monotonic() - self._save_began)
