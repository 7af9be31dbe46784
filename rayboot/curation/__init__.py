"""From attempts to training examples: limits, duplicates, decontamination, and the replay buffer."""

from rayboot.curation.buffer import ReplayBuffer
from rayboot.curation.build import Counts, CurationJob, build_reference_set, build_training_set
from rayboot.curation.curate import (
    CuratedProblem,
    TrainingExample,
    curate_problem,
    examples_table,
    reference_example,
)
from rayboot.curation.duplicates import contaminated, normalised
from rayboot.curation.overview import Overview, buffer_overview, problem_programs
from rayboot.curation.sampling import Sampler

__all__ = [
    "Counts",
    "CuratedProblem",
    "CurationJob",
    "Overview",
    "ReplayBuffer",
    "Sampler",
    "TrainingExample",
    "buffer_overview",
    "build_reference_set",
    "build_training_set",
    "contaminated",
    "curate_problem",
    "examples_table",
    "normalised",
    "problem_programs",
    "reference_example",
]
