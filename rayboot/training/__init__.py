"""Refit the policy on an iteration's training set, with Ray Train."""

from rayboot.training.job import Kind, ProgressListener, RefitJob, RefitResult
from rayboot.training.refitter import Refitter, refit

__all__ = ["Kind", "ProgressListener", "RefitJob", "RefitResult", "Refitter", "refit"]
