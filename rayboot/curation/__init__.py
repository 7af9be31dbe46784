"""From attempts to training examples: limits, duplicates, decontamination, and the replay buffer."""

from rayboot.curation.buffer import ReplayBuffer, distinct_programs, normalised, solve_rates
from rayboot.curation.build import Counts, CurationJob, build_reference_set, build_training_set
from rayboot.curation.contamination import contaminated
from rayboot.curation.curate import (
    SCHEMA,
    CuratedProblem,
    TrainingExample,
    curate_problem,
    examples_table,
    reference_example,
)
from rayboot.curation.overview import Overview, buffer_overview, problem_programs
from rayboot.curation.sampling import Sampler

__all__ = [
    "SCHEMA",
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
    "distinct_programs",
    "examples_table",
    "normalised",
    "problem_programs",
    "reference_example",
    "solve_rates",
]
