"""DeepSpeed's ZeRO: its config, and the setup and cleanup of a process that uses it for one refit."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from rayboot.config import TrainingConfig
from rayboot.errors import UserError

Options = dict[str, object]
"""DeepSpeed's own config, a JSON object."""

PRESETS: dict[str, Options] = {
    name: {
        "zero_optimization": {"stage": stage},
        "bf16": {"enabled": "auto"},
        "gradient_clipping": "auto",
        "gradient_accumulation_steps": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
    }
    for name, stage in (("zero2", 2), ("zero3", 3))
}


def deepspeed_options(config: TrainingConfig) -> Options | None:
    """Return DeepSpeed's own config; None without DeepSpeed. transformers replaces "auto" by the Trainer's options.

    Raise UserError if DeepSpeed is not installed, or its JSON cannot be read or does not go with the recipe.
    """
    choice = config.deepspeed
    if choice is None:
        return None
    if find_spec("deepspeed") is None:
        raise UserError(f"training.deepspeed: {choice} needs DeepSpeed: install 'rayboot[deepspeed]'")
    options = PRESETS.get(choice) or _read(choice)
    sharding = options["zero_optimization"]
    if config.lora and isinstance(sharding, dict) and sharding.get("stage") == 3:
        raise UserError(f"{choice}: training.lora does not go with ZeRO stage 3; use stage 2")
    return options


@contextmanager
def deepspeed_process(options: Options | None, *, on_cpu: bool) -> Iterator[None]:
    """Prepare this process for DeepSpeed, and remove afterwards what would affect its next refit.

    Raise UserError if the config contradicts the recipe.
    """
    if options is None:
        yield
        return
    before = set(os.environ)
    if on_cpu:
        os.environ["DS_ACCELERATOR"] = "cpu"
    if shutil.which("ninja") is None:
        # DeepSpeed compiles extensions for some options, such as offloading, with the ninja of this environment.
        os.environ["PATH"] += os.pathsep + os.path.dirname(sys.executable)
    # Imported here, because it reads the variables above on import. Initialised here, because on CPUs nothing else
    # sets up its process group.
    import deepspeed

    # This faster all-reduce for CPUs would take half a minute to compile, and need a C++ compiler.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(
        dist_backend="gloo" if on_cpu else "nccl", auto_mpi_discovery=False, verbose=False
    )
    try:
        yield
    except ValueError as error:
        if "DeepSpeed config values" not in str(error):
            raise
        values = "; ".join(line.strip("- ") for line in str(error).splitlines() if line.startswith("- "))
        raise UserError(
            f'training.deepspeed: not as the recipe says: {values}. Write "auto" for these'
        ) from error
    finally:
        from transformers.integrations.deepspeed import unset_hf_deepspeed_config

        unset_hf_deepspeed_config()  # type: ignore[no-untyped-call]
        for name in set(os.environ) - before:
            if name.startswith("ACCELERATE_"):
                del os.environ[name]
        gc.collect()


def _read(path: str) -> Options:
    try:
        options = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"training.deepspeed: {path} cannot be read: {error}") from error
    if not isinstance(options, dict) or "zero_optimization" not in options:
        raise UserError(f"training.deepspeed: {path} must be a JSON object with zero_optimization in it")
    return options
