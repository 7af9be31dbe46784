"""Extensions of vLLM's worker processes."""

from __future__ import annotations

from typing import Any

from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.platforms import current_platform


class WeightLoading:
    """Methods for `collective_rpc`, mixed into vLLM's worker (`worker_extension_cls`)."""

    model_runner: Any

    def load_checkpoint(self, path: str) -> None:
        """Load the weights of a checkpoint directory in place."""
        self.model_runner.reload_weights(weights_path=path)
        if current_platform.is_cpu():
            self._pack_tied_heads()

    def _pack_tied_heads(self) -> None:
        """Repack output layers that are tied to the embeddings.

        They are not in the checkpoint, so vLLM reloads the embeddings only. On a CPU it computes with a packed copy of
        the output layer, which would keep the old weights.
        """
        for module in self.model_runner.get_model().modules():
            if isinstance(module, ParallelLMHead):
                module.quant_method.process_weights_after_loading(module)
