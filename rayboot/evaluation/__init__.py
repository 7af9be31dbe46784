"""What a model can do: pass@k, repair@k, and the verification of references and of files of solutions."""

from rayboot.evaluation.check import ReferenceCheck, check_references
from rayboot.evaluation.metrics import attempt_metrics, mean_pass_at_k
from rayboot.evaluation.pass_at_k import pass_at_k
from rayboot.evaluation.solutions import Solution, read_solutions
from rayboot.evaluation.verify import VerifiedSolution, solutions_pass_at_k, verify

__all__ = [
    "ReferenceCheck",
    "Solution",
    "VerifiedSolution",
    "attempt_metrics",
    "check_references",
    "mean_pass_at_k",
    "pass_at_k",
    "read_solutions",
    "solutions_pass_at_k",
    "verify",
]
