"""Refit the policy on an iteration's training set, with Ray Train."""

from rayboot.training.job import Kind, RefitJob, RefitResult
from rayboot.training.refitter import Refitter

__all__ = ["Kind", "RefitJob", "RefitResult", "Refitter"]
