"""The loop of a Ray Train worker: prepare the process, then train each refit that is posted."""

from __future__ import annotations

import gc
import logging
import math
import warnings
from importlib import import_module
from typing import Any

from rayboot.errors import RaybootError
from rayboot.pools.failures import explain, is_disk_full
from rayboot.training.job import RefitResult, Workspace, move_to_output
from rayboot.training.mailbox import Assignment, ProgressReporter

LOOPS = {"sft": "rayboot.training.sft"}
"""Module of each kind of refit, imported only in workers. Every worker calls its `train(job, config, progress)`, which
writes the checkpoint to `Workspace(job).best` and returns the fields of RefitResult."""


def serve(setup: dict[str, Any]) -> None:
    """Run a worker: train one refit after another until the mailbox is closed.

    Workers persist because they take longer to start (10 to 30 seconds of imports) than a short refit takes.
    """
    import ray.train
    import torch
    from ray.util.placement_group import get_current_placement_group

    mailbox, context = setup["mailbox"], ray.train.get_context()
    rank, alone = context.get_world_rank(), context.get_world_size() == 1
    torch.set_num_threads(math.ceil(setup["cpus"]))
    for module in LOOPS.values():
        import_module(module)
    _silence_libraries()
    if rank == 0:
        mailbox.register.remote(get_current_placement_group())
    done = 0
    while (assignment := ray.get(mailbox.take.remote(rank, done))) is not None:
        try:
            fields = _train(assignment, mailbox, rank)
            if rank == 0:
                ray.get(mailbox.finish.remote(fields))
        except Exception as error:
            reason = _permanent_error(error)
            if reason is not None:
                ray.get(mailbox.fail.remote(reason))
            # Raising makes Ray Train restart all workers: the others may be waiting for this one.
            if reason is None or not alone:
                raise
        done = assignment.number
        gc.collect()
        torch.cuda.empty_cache()  # frees memory for engines on the same GPU; without CUDA it does nothing


def _train(assignment: Assignment, mailbox: Any, rank: int) -> dict[str, Any]:
    job, loop = assignment.job, import_module(LOOPS[assignment.kind])
    fields: dict[str, Any] = loop.train(job.localized(), assignment.config, ProgressReporter(mailbox))
    if rank == 0:
        move_to_output(Workspace(job).best, job, RefitResult.model_validate(fields))
    return fields


def _permanent_error(error: Exception) -> RaybootError | None:
    """Return the error to report if a retry would fail again, else None."""
    if isinstance(error, RaybootError):
        return error
    return explain("the refit", error) if is_disk_full(error) else None


def _silence_libraries() -> None:
    """Silence the libraries: Ray forwards a worker's output to the terminal."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for name in ("accelerate", "ray.train", "torch.distributed"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
