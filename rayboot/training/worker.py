"""The loop of a Ray Train worker: prepare the process, then train each refit that is posted."""

from __future__ import annotations

import gc
import logging
import math
import time
import warnings
from importlib import import_module

from ray.actor import ActorHandle

from rayboot.errors import RaybootError
from rayboot.pools.actors import remote
from rayboot.pools.failures import explain, is_disk_full
from rayboot.training.fit import Assignment, RefitMailbox
from rayboot.training.job import RefitKind, RefitResult, Workspace, move_to_output

LOOPS: dict[RefitKind, str] = {"sft": "rayboot.training.sft"}
"""Module of each kind of refit, imported only in workers. Every worker calls its `train(job, config, progress)`, which
writes the checkpoint to `Workspace(job).best` and returns the RefitResult."""


def serve(mailbox: ActorHandle[RefitMailbox], cpus: float) -> None:
    """Run a worker: train one refit after another until the mailbox is closed.

    Workers persist because they take longer to start (10 to 30 seconds of imports) than a short refit takes.
    """
    import ray.train
    import torch
    from ray.util.placement_group import get_current_placement_group
    from transformers.utils import logging as transformers_logging

    context = ray.train.get_context()
    rank, alone = context.get_world_rank(), context.get_world_size() == 1
    torch.set_num_threads(math.ceil(cpus))
    for module in LOOPS.values():
        import_module(module)
    # Ray forwards a worker's output to the terminal.
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for name in ("accelerate", "ray.train", "torch.distributed"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    if rank == 0:
        remote(mailbox, RefitMailbox.register, get_current_placement_group())
    done = 0
    while (assignment := ray.get(remote(mailbox, RefitMailbox.take, rank, done))) is not None:
        try:
            result = _train(assignment, mailbox, rank)
            if rank == 0:
                ray.get(remote(mailbox, RefitMailbox.finish, result))
        except Exception as error:
            reason = _permanent_error(error)
            if reason is not None:
                ray.get(remote(mailbox, RefitMailbox.fail, reason))
            # Raising makes Ray Train restart all workers: the others may be waiting for this one.
            if reason is None or not alone:
                raise
        done = assignment.number
        gc.collect()
        torch.cuda.empty_cache()  # frees memory for engines on the same GPU; without CUDA it does nothing


def _train(assignment: Assignment, mailbox: ActorHandle[RefitMailbox], rank: int) -> RefitResult:
    job, loop = assignment.job, import_module(LOOPS[assignment.kind])
    last_report = -math.inf

    def report(step: int, total: int, loss: float) -> None:
        """Report progress at most twice a second, and the last step in any case."""
        nonlocal last_report
        if step == total or time.monotonic() - last_report > 0.5:
            remote(mailbox, RefitMailbox.report_progress, step, total, loss)
            last_report = time.monotonic()

    result: RefitResult = loop.train(job.localized(), assignment.config, report)
    if rank == 0:
        move_to_output(Workspace(job).best, job, result)
    return result


def _permanent_error(error: Exception) -> RaybootError | None:
    """Return the error to report if a retry would fail again, else None."""
    if isinstance(error, RaybootError):
        return error
    return explain("the refit", error) if is_disk_full(error) else None
