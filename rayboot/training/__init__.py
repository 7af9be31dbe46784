"""Refit the policy on an iteration's training set, with Ray Train."""

from rayboot.training.job import RefitJob, RefitKind, RefitResult
from rayboot.training.refitter import Refitter

__all__ = ["RefitKind", "RefitJob", "RefitResult", "Refitter"]
