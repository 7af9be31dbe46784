"""Benchmarks whose tasks are whole repositories, SWE-bench and Defects4J: from tasks to prompts and patches, and back.

The sandbox cannot judge these: a verdict takes a checkout with its dependencies, which the benchmarks' own harnesses
build. So a task goes to a model as text, the model's patch goes into the file that the harness takes, and what the
harness reports is read back.
"""

from rayboot.problems.repository.load import load_tasks
from rayboot.problems.repository.patch import changed_files, extract_patch, reversed_patch
from rayboot.problems.repository.prompt import prompt_for
from rayboot.problems.repository.types import Outcome, Prediction, RepositoryTask

__all__ = [
    "Outcome",
    "Prediction",
    "RepositoryTask",
    "changed_files",
    "extract_patch",
    "load_tasks",
    "prompt_for",
    "reversed_patch",
]
