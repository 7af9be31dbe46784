"""Extensions of vLLM's worker processes."""

from __future__ import annotations

from typing import Protocol

import torch
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.platforms import current_platform


class ModelRunner(Protocol):
    """What is used here of vLLM's model runners."""

    def reload_weights(self, *, weights_path: str) -> None:
        """Load the weights of a directory in place."""

    def get_model(self) -> torch.nn.Module:
        """Return the model."""


class WeightLoading:
    """Methods for `collective_rpc`, mixed into vLLM's worker (`worker_extension_cls`)."""

    model_runner: ModelRunner

    def load_checkpoint(self, path: str) -> None:
        """Load the weights of a checkpoint directory in place."""
        self.model_runner.reload_weights(weights_path=path)
        if not current_platform.is_cpu():
            return
        # Output layers that are tied to the embeddings are not in the checkpoint: vLLM reloads embeddings only.
        # On a CPU it computes with a packed copy of the output layer, which would keep the old weights.
        for module in self.model_runner.get_model().modules():
            if isinstance(module, ParallelLMHead):
                module.quant_method.process_weights_after_loading(module)
