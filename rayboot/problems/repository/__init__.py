"""Benchmarks whose tasks are repositories, SWE-bench and Defects4J: from tasks to prompts and patches, and to outcomes.

The sandbox cannot judge these: a verdict needs a checkout with its dependencies, which the benchmarks' own harnesses
build. So a task is shown to a model as text, the model's patch is written to the file that the harness reads, and the
harness's report is read.
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
