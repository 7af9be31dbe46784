"""BLEU of programs against references: how alike they look, not whether they are right."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import pyarrow as pa

from rayboot.attempts import SKIPPED
from rayboot.errors import UserError

TOKEN = re.compile(r"\w+|[^\w\s]")
COLUMNS = ["problem_id", "round", "status", "program"]


def bleu_values(
    attempts: Iterable[Mapping[str, Any]] | pa.Table, references: Mapping[str, Sequence[str]], round: int = 0
) -> dict[str, float]:
    """Mean sentence BLEU-4 of each problem's programs, 0 to 100, by sacrebleu (Post 2018) with its default smoothing.

    Words, numbers and single signs are the tokens; layout is none. Problems without references are left out.

    Args:
        attempts: Rows with `problem_id`, `round`, `status` and `program`.
        references: Programs known to be right, by problem id.

    Raises:
        UserError: sacrebleu is not installed.
    """
    metric = _metric()
    rows = attempts.select(COLUMNS).to_pylist() if isinstance(attempts, pa.Table) else attempts
    scores: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        known = references.get(row["problem_id"])
        if known and row["round"] == round and row["status"] != SKIPPED:
            score = metric.sentence_score(_spaced(row["program"]), [_spaced(program) for program in known])
            scores[row["problem_id"]].append(score.score)
    return {problem: fmean(values) for problem, values in scores.items()}


def _spaced(program: str) -> str:
    return " ".join(TOKEN.findall(program))


def _metric() -> Any:
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError:
        raise UserError("BLEU needs sacrebleu: pip install 'rayboot[bleu]'") from None
    # effective_order: a program of fewer than four tokens is compared by the n-grams that it has.
    return BLEU(tokenize="none", effective_order=True)
