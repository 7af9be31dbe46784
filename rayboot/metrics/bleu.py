"""BLEU of programs against references: textual similarity, not correctness."""

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
    """Return the mean sentence BLEU-4 of each problem's programs, 0 to 100.

    BLEU is that of sacrebleu (Post 2018) with the default smoothing. Tokens are words, numbers and single symbols,
    without white space. Problems without references are left out.

    Args:
        attempts: Rows with `problem_id`, `round`, `status` and `program`.
        references: Correct programs, by problem id.
        round: Round of the programs.

    Raises:
        UserError: sacrebleu is not installed.
    """
    metric = _metric()
    rows = attempts.select(COLUMNS).to_pylist() if isinstance(attempts, pa.Table) else attempts
    scores: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        expected = references.get(row["problem_id"])
        if expected and row["round"] == round and row["status"] != SKIPPED:
            score = metric.sentence_score(
                _tokenized(row["program"]), [_tokenized(program) for program in expected]
            )
            scores[row["problem_id"]].append(score.score)
    return {problem: fmean(values) for problem, values in scores.items()}


def _tokenized(program: str) -> str:
    return " ".join(TOKEN.findall(program))


def _metric() -> Any:
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError:
        raise UserError("BLEU needs sacrebleu: pip install 'rayboot[bleu]'") from None
    # effective_order: programs of fewer than four tokens are compared by shorter n-grams.
    return BLEU(tokenize="none", effective_order=True)
