"""BLEU of programs against references: textual similarity, not correctness."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import TypedDict

import pyarrow as pa

from rayboot.attempts import SKIPPED
from rayboot.errors import UserError

TOKEN = re.compile(r"\w+|[^\w\s]")


class ProgramRow(TypedDict):
    """The columns of an attempt that BLEU needs."""

    problem_id: str
    round: int
    status: str
    program: str


def bleu_values(
    attempts: Iterable[ProgramRow] | pa.Table, references: Mapping[str, Sequence[str]], round: int = 0
) -> dict[str, float]:
    """Return the mean sentence BLEU-4 of each problem's programs of a round, 0 to 100.

    BLEU is that of sacrebleu (Post 2018) with the default smoothing. Tokens are words, numbers and single symbols,
    without white space. Problems without references are left out. Raise UserError if sacrebleu is not installed.

    Args:
        references: Correct programs, by problem id.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError:
        raise UserError("BLEU needs sacrebleu: pip install 'rayboot[bleu]'") from None
    # effective_order: programs of fewer than four tokens are compared by shorter n-grams.
    metric = BLEU(tokenize="none", effective_order=True)
    if isinstance(attempts, pa.Table):
        attempts = attempts.select([*ProgramRow.__annotations__]).to_pylist()
    scores: dict[str, list[float]] = defaultdict(list)
    for row in attempts:
        expected = references.get(row["problem_id"])
        if expected and row["round"] == round and row["status"] != SKIPPED:
            score = metric.sentence_score(_tokenized(row["program"]), [*map(_tokenized, expected)])
            scores[row["problem_id"]].append(score.score)
    return {problem: fmean(values) for problem, values in scores.items()}


def _tokenized(program: str) -> str:
    return " ".join(TOKEN.findall(program))
