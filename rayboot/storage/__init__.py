"""Files of a run, wherever they lie: storage, the run directory, the lease of its driver."""

from rayboot.storage.files import Storage, below, forget_copies, is_remote, localize
from rayboot.storage.run_directory import RunDirectory, Summary

__all__ = ["RunDirectory", "Storage", "Summary", "below", "forget_copies", "is_remote", "localize"]
