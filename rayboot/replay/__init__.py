"""The replay buffer, and the curation of a training set from attempts."""

from rayboot.replay.buffer import ReplayBuffer, distinct_programs, solve_rates
from rayboot.replay.build import build_reference_set, build_training_set
from rayboot.replay.contamination import contaminated
from rayboot.replay.counts import Counts
from rayboot.replay.curate import Curated, curate_problem, reference_example
from rayboot.replay.examples import SCHEMA, TrainingExample, examples_table
from rayboot.replay.job import CurationJob
from rayboot.replay.overview import Overview, buffer_overview, problem_programs
from rayboot.replay.programs import normalised
from rayboot.replay.sampling import Sampler
from rayboot.replay.show import show_overview, show_programs

__all__ = [
    "SCHEMA",
    "Counts",
    "Curated",
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
    "show_overview",
    "show_programs",
    "solve_rates",
]
