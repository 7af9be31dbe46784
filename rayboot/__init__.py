"""rayboot: a Ray-based, scalable bootstrapping engine for code language models."""

__version__ = "0.1.0"
