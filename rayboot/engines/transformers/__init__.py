"""The `transformers` engine: static batches with `model.generate` semantics."""
