"""What the tests of refits share beside fixtures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from rayboot.training import RefitJob, RefitResult

MakeJob = Callable[..., RefitJob]


def weights(checkpoint: str) -> dict[str, torch.Tensor]:
    return load_file(Path(checkpoint) / "model.safetensors")


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def without_time(result: RefitResult) -> RefitResult:
    return result.model_copy(update={"fit_seconds": 0.0})
