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
"""Start of a comment in languages where only a parser can distinguish a comment from a regular expression.

In these, only comments on a line of their own are removed."""
_MULTILINE_TEXT = re.compile(r"<<|\bq[qwrx]?\b|^=|^__(END|DATA)__", re.MULTILINE)
"""Perl syntax that may begin a text over more than one line, within which nothing is a comment."""


def normalised(program: str, language: Language) -> str:
    """Return a program without comments and with uniform layout, for comparison with other programs.

    Comments and layout are kept wherever they might be part of the program: it is better to learn a program twice than
    to drop a different one as a duplicate.
    """
    return _python(program) if language == "python" else _by_lines(program, language)


def _python(program: str) -> str:
    lines = io.StringIO(program.rstrip() + "\n")
    try:
        tokens = list(tokenize.generate_tokens(lines.readline))
    except (tokenize.TokenError, SyntaxError):  # an incomplete program
        return program.rstrip()
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER)
    layout = {tokenize.INDENT: "<indent>", tokenize.DEDENT: "<dedent>"}
    return " ".join(layout.get(token.type, token.string) for token in tokens if token.type not in skipped)


def _by_lines(program: str, language: Language) -> str:
    """Return the program without comments, blank lines and white space at the ends of lines.

    Line breaks are kept: they are significant in some languages.
    """
    text = "\n".join(program.splitlines()) + "\n"  # some lexers end a comment only at a newline
    if language == "perl" and _MULTILINE_TEXT.search(text):
        return text.rstrip()
    kept, marker = "", WHOLE_LINES.get(language)
    for kind, value in get_lexer_by_name(language, ensurenl=False, stripnl=False).get_tokens(text):
        if kind in Comment and (marker is None or _fills_line(kept, value, marker)):
            kept += " " + "\n" * value.count("\n")
        elif "\n" in value and (value.strip() or kind in Literal):
            return text.rstrip()  # layout is significant in a text over more than one line
        else:
            kept += value
    return "\n".join(stripped for line in kept.split("\n") if (stripped := line.strip()))


def _fills_line(before: str, comment: str, marker: str) -> bool:
    """Return whether a comment to the end of a line has nothing before it on that line."""
    return comment.startswith(marker) and not before.rpartition("\n")[2].strip()


@dataclass(frozen=True)
class ReplayBuffer:
    """A view over the Parquet files of rollouts, without files of the buffer itself.

    A finished rollout never changes, so nothing is copied or synchronised, and a resumed run finds the same buffer.
    Duplicates and programs beyond a limit are dropped from a training set, never from the buffer.
    """

    storage: Storage
    files: Sequence[str]
    """Paths on the filesystem of `storage`."""

    @classmethod
    def of(cls, storage: Storage, rollouts: Iterable[str]) -> ReplayBuffer:
        """Return the buffer of finished rollouts, given by the names of their folders."""
        listings = [
            storage.fs.get_file_info(pafs.FileSelector(storage.path(rollout))) for rollout in rollouts
        ]
        return cls(
            storage,
            sorted(info.path for listing in listings for info in listing if info.path.endswith(".parquet")),
        )

    def attempts(self, where: pc.Expression, columns: Sequence[str] = tuple(SCHEMA.names)) -> pa.Table:
        """Return the attempts that meet a condition on the columns, in no particular order."""
        if not self.files:
            return pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        return self._dataset().to_table(columns=list(columns), filter=where)

    def solve_rates(self, ids: Sequence[str]) -> dict[str, float]:
        """Return the share of generated attempts, repairs included, that passed, for each of these problems."""
        where = pc.field("problem_id").isin(ids) & (pc.field("status") != SKIPPED)
        return solve_rates(self.attempts(where, ["problem_id", "status"]))

    def locate(self, chunks: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the files with attempts on each chunk of problem ids: a file holds the attempts on a few problems."""
        chunk_of = {id: number for number, ids in enumerate(chunks) for id in ids}
        files: list[set[str]] = [set() for _ in chunks]
        for batch in self._dataset().to_batches(columns=["problem_id", "__filename"]) if self.files else ():
            pairs = pa.Table.from_batches([batch]).group_by(batch.schema.names).aggregate([])
            for pair in pairs.to_pylist():
                if (number := chunk_of.get(pair["problem_id"])) is not None:
                    files[number].add(pair["__filename"])
        return [sorted(paths) for paths in files]

    def _dataset(self) -> pads.Dataset:
        return pads.dataset(list(self.files), format="parquet", filesystem=self.storage.fs, schema=SCHEMA)


def solve_rates(attempts: pa.Table) -> dict[str, float]:
    """Return the share of attempts that passed, for each problem. The table must not hold skipped attempts."""
    passed = attempts.append_column("passed", pc.equal(attempts["status"], "passed").cast(pa.float64()))
    rates: pa.Table = passed.group_by("problem_id").aggregate([("passed", "mean")])
    return dict(zip(rates["problem_id"].to_pylist(), rates["passed_mean"].to_pylist(), strict=True))


def distinct_programs(
    attempts: Iterable[Attempt], language: Language, exclude: Iterable[str] = ()
) -> list[Attempt]:
    """Return the first attempt with each program that is not in `exclude`, regardless of comments and layout."""
    seen = {normalised(program, language) for program in exclude}
    distinct: list[Attempt] = []
    for attempt in attempts:
        program = normalised(attempt.program, language)
        if program not in seen:
            seen.add(program)
            distinct.append(attempt)
    return distinct
