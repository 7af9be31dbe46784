"""What a model can do: pass@k, repair@k and their intervals, and the verification of references and of solutions."""

from rayboot.evaluation.bleu import bleu_values
from rayboot.evaluation.breakdown import (
    Transition,
    compilation_rate,
    error_transitions,
    partial_success,
    pass_values,
    public_only_rate,
    rounds_curve,
)
from rayboot.evaluation.chains import CHAIN_COLUMNS, Chain, chains_by_problem, solved_by
from rayboot.evaluation.check import ReferenceCheck, check_references, unfit_problems
from rayboot.evaluation.intervals import Interval, bootstrap_interval
from rayboot.evaluation.metrics import attempt_metrics
from rayboot.evaluation.paired import Paired, paired, paired_by_problem
from rayboot.evaluation.pass_at_k import fractional_pass_at_k, pass_at_k
from rayboot.evaluation.ratios import ratio_interval, ratio_values
from rayboot.evaluation.solutions import Solution, read_solutions
from rayboot.evaluation.summary import metric_intervals, pass_at_k_interval
from rayboot.evaluation.verify import VerifiedSolution, solutions_pass_at_k, verify, without_solution

__all__ = [
    "CHAIN_COLUMNS",
    "Chain",
    "Interval",
    "Paired",
    "ReferenceCheck",
    "Solution",
    "Transition",
    "VerifiedSolution",
    "attempt_metrics",
    "bleu_values",
    "bootstrap_interval",
    "chains_by_problem",
    "check_references",
    "compilation_rate",
    "error_transitions",
    "fractional_pass_at_k",
    "metric_intervals",
    "paired",
    "paired_by_problem",
    "partial_success",
    "pass_at_k",
    "pass_at_k_interval",
    "pass_values",
    "public_only_rate",
    "ratio_interval",
    "ratio_values",
    "read_solutions",
    "rounds_curve",
    "solutions_pass_at_k",
    "solved_by",
    "unfit_problems",
    "verify",
    "without_solution",
]
