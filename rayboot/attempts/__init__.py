"""Attempts, chains of attempts, and their Parquet schema."""

from rayboot.attempts.attempt import SCHEMA, Attempt, attempts_table, derive_seed
from rayboot.attempts.chains import CHAIN_COLUMNS, SKIPPED, Chain, Step, chains_by_problem, solved_by
from rayboot.attempts.verdicts import require_verdicts

__all__ = [
    "CHAIN_COLUMNS",
    "SCHEMA",
    "SKIPPED",
    "Attempt",
    "Chain",
    "Step",
    "attempts_table",
    "chains_by_problem",
    "derive_seed",
    "require_verdicts",
    "solved_by",
]
