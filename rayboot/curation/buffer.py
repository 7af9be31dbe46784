"""The replay buffer: the distinct verified programs of a run's rollouts."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Literal

from rayboot.attempts import SCHEMA, SKIPPED, Attempt
from rayboot.problems.types import Language
from rayboot.storage import Storage

WHOLE_LINES = {"javascript": "//", "perl": "#"}
"""Languages in which only a parser tells a comment from a part of a regular expression, with what begins a comment:
those that have a line to themselves are left out, others are kept."""
_SEVERAL_LINES = re.compile(r"<<|\bq[qwrx]?\b|^=|^__(END|DATA)__", re.MULTILINE)
"""Perl that may hold text of several lines, in which nothing is a comment."""


def normalised(program: str, language: Language) -> str:
    """A program without comments and with uniform layout: equal for programs that differ in nothing else.

    Where these cannot be told from the program for sure, they are kept: rather is a program learned twice than another
    one left out.
    """
    return _python(program) if language == "python" else _by_lines(program, language)


def _python(program: str) -> str:
    lines = io.StringIO(program.rstrip() + "\n")
    try:
        tokens = list(tokenize.generate_tokens(lines.readline))
    except (tokenize.TokenError, SyntaxError):  # a completion that is a part of a program
        return program.rstrip()
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER)
    layout = {tokenize.INDENT: "<indent>", tokenize.DEDENT: "<dedent>"}
    return " ".join(layout.get(token.type, token.string) for token in tokens if token.type not in skipped)


def _by_lines(program: str, language: Language) -> str:
    """Without comments, blank lines and white space at the ends of lines; line breaks mean something in some."""
    text = "\n".join(program.splitlines()) + "\n"  # some lexers end a comment by the line's end alone
    if language == "perl" and _SEVERAL_LINES.search(text):
        return text.rstrip()
    kept, line = "", WHOLE_LINES.get(language)
    for kind, value in get_lexer_by_name(language, ensurenl=False, stripnl=False).get_tokens(text):
        if kind in Comment and (line is None or _alone(kept, value, line)):
            kept += " " + "\n" * value.count("\n")
        elif "\n" in value and (value.strip() or kind in Literal):
            return text.rstrip()  # a text of several lines, in which layout counts
        else:
            kept += value
    return "\n".join(stripped for each in kept.split("\n") if (stripped := each.strip()))


def _alone(before: str, comment: str, sign: str) -> bool:
    """Whether a comment of one line has its line to itself."""
    return comment.startswith(sign) and not before.rpartition("\n")[2].strip()


@dataclass(frozen=True)
class ReplayBuffer:
    """A view over the Parquet files of rollouts; it has no files of its own.

    The attempts are on disk anyway, and a rollout that is done never changes. So the buffer has nothing to copy,
    nothing to keep in step and nothing to lose: a resumed run finds the very buffer that the killed one had, and what
    is left out as a duplicate or by a bound is left out when a training set is made, never for good.
    """

    storage: Storage
    files: Sequence[str]
    """Paths on the storage's filesystem."""

    @classmethod
    def of(cls, storage: Storage, rollouts: Iterable[str]) -> ReplayBuffer:
        """The buffer of whole rollouts, given by the names of their folders."""
        found = [storage.fs.get_file_info(pafs.FileSelector(storage.path(rollout))) for rollout in rollouts]
        return cls(
            storage, sorted(info.path for infos in found for info in infos if info.path.endswith(".parquet"))
        )

    def attempts(self, where: pc.Expression, columns: Sequence[str] = tuple(SCHEMA.names)) -> pa.Table:
        """The attempts that meet a condition on the columns, in no particular order."""
        if not self.files:
            return pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        return self._dataset().to_table(columns=list(columns), filter=where)

    def solve_rates(self, ids: Sequence[str]) -> dict[str, float]:
        """For each of these problems, the share of all attempts made, repairs included, that passed."""
        where = pc.field("problem_id").isin(ids) & (pc.field("status") != SKIPPED)
        return solve_rates(self.attempts(where, ["problem_id", "status"]))

    def locate(self, chunks: Sequence[Sequence[str]]) -> list[list[str]]:
        """For each chunk of problem ids, the files with attempts on them: a file holds a few problems alone."""
        chunk_of = {id: number for number, ids in enumerate(chunks) for id in ids}
        files: list[set[str]] = [set() for _ in chunks]
        for batch in self._dataset().to_batches(columns=["problem_id", "__filename"]) if self.files else ():
            pairs = pa.Table.from_batches([batch]).group_by(batch.schema.names).aggregate([])
            for pair in pairs.to_pylist():
                if (number := chunk_of.get(pair["problem_id"])) is not None:
                    files[number].add(pair["__filename"])
        return [sorted(found) for found in files]

    def _dataset(self) -> pads.Dataset:
        return pads.dataset(list(self.files), format="parquet", filesystem=self.storage.fs, schema=SCHEMA)


def solve_rates(attempts: pa.Table) -> dict[str, float]:
    """For each problem, the share of its attempts that passed; none of them skipped."""
    passed = attempts.append_column("passed", pc.equal(attempts["status"], "passed").cast(pa.float64()))
    rates: pa.Table = passed.group_by("problem_id").aggregate([("passed", "mean")])
    return dict(zip(rates["problem_id"].to_pylist(), rates["passed_mean"].to_pylist(), strict=True))


def distinct_programs(
    attempts: Iterable[Attempt], language: Language, known: Iterable[str] = ()
) -> list[Attempt]:
    """The first attempt with each program, comments and layout aside, unless the program is among `known`."""
    seen = {normalised(program, language) for program in known}
    found: list[Attempt] = []
    for attempt in attempts:
        program = normalised(attempt.program, language)
        if program not in seen:
            seen.add(program)
            found.append(attempt)
    return found
