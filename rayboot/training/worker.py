"""What every Ray Train worker does, whatever it trains: prepare the process, then do the refits that come."""

from __future__ import annotations

import gc
import logging
import math
import warnings
from importlib import import_module
from typing import Any

from rayboot.errors import RaybootError
from rayboot.pools.failures import explain, is_disk_full
from rayboot.training.checkpoints import Workspace
from rayboot.training.desk import Assignment, ProgressNotes
from rayboot.training.job import RefitResult, publish

LOOPS = {"sft": "rayboot.training.sft"}
"""Module of each kind of refit: every worker runs its `train(job, config, progress)`, which leaves the checkpoint in
`Workspace(job).best` and returns RefitResult's fields. It is imported in the workers alone."""


def serve(setup: dict[str, Any]) -> None:
    """Entry point of a worker: one refit after the other, until the desk closes.

    The workers stay because starting them takes longer (10 to 30 seconds of imports) than many a refit.
    """
    import ray.train
    import torch
    from ray.util.placement_group import get_current_placement_group

    desk, context = setup["desk"], ray.train.get_context()
    rank, alone = context.get_world_rank(), context.get_world_size() == 1
    torch.set_num_threads(math.ceil(setup["cpus"]))
    for module in LOOPS.values():
        import_module(module)
    _be_quiet()
    if rank == 0:
        desk.arrive.remote(get_current_placement_group())
    done = 0
    while (assignment := ray.get(desk.take.remote(rank, done))) is not None:
        try:
            fields = _train(assignment, desk, rank)
            if rank == 0:
                ray.get(desk.finish.remote(fields))
        except Exception as error:
            reason = _hopeless(error)
            if reason is not None:
                ray.get(desk.fail.remote(reason))
            # Ray Train then starts all workers anew: the others may be waiting for this one.
            if reason is None or not alone:
                raise
        done = assignment.number
        gc.collect()
        torch.cuda.empty_cache()  # for engines on the same GPU; does nothing where CUDA is not in use


def _train(assignment: Assignment, desk: Any, rank: int) -> dict[str, Any]:
    job, loop = assignment.job, import_module(LOOPS[assignment.kind])
    fields: dict[str, Any] = loop.train(job.localized(), assignment.config, ProgressNotes(desk))
    if rank == 0:
        publish(Workspace(job).best, job, RefitResult.model_validate(fields))
    return fields


def _hopeless(error: Exception) -> RaybootError | None:
    """The error in our own words where trying again would not help; None where it might."""
    if isinstance(error, RaybootError):
        return error
    return explain("the refit", error) if is_disk_full(error) else None


def _be_quiet() -> None:
    """Keep the libraries' notices out of the terminal, to which Ray forwards what a worker prints."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for name in ("accelerate", "ray.train", "torch.distributed"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
