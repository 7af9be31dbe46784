"""Files of a run on any filesystem: storage, the run directory, the lease of its driver."""

from rayboot.storage.files import Storage, below, is_remote, localize, remove_copies
from rayboot.storage.run_directory import FOLDERS, RunDirectory, Summary

__all__ = ["FOLDERS", "RunDirectory", "Storage", "Summary", "below", "is_remote", "localize", "remove_copies"]
