"""The replay buffer, and the curation of a training set from attempts.

The buffer holds no files of its own: it is the verified programs in the rollouts of a run's earlier iterations.
"""

from rayboot.replay.build import build_reference_set, build_training_set
from rayboot.replay.curate import curate_problem, normalised, reference_example
from rayboot.replay.examples import SCHEMA, TrainingExample, examples_table

__all__ = [
    "SCHEMA",
    "TrainingExample",
    "build_reference_set",
    "build_training_set",
    "curate_problem",
    "examples_table",
    "normalised",
    "reference_example",
]
