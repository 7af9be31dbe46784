"""What rayboot adds to vLLM's worker processes."""

from __future__ import annotations

from typing import Any

from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.platforms import current_platform


class WeightLoading:
    """Mixed into vLLM's worker (`worker_extension_cls`), for `collective_rpc`."""

    model_runner: Any

    def load_checkpoint(self, path: str) -> None:
        """Take the weights of a checkpoint directory in place."""
        self.model_runner.reload_weights(weights_path=path)
        if current_platform.is_cpu():
            self._pack_tied_heads()

    def _pack_tied_heads(self) -> None:
        """An output layer tied to the embeddings is not in the checkpoint, so vLLM reloads the embeddings alone; on a
        CPU it computes with a packed copy of the output layer, which would stay the old one."""
        for module in self.model_runner.get_model().modules():
            if isinstance(module, ParallelLMHead):
                module.quant_method.process_weights_after_loading(module)
