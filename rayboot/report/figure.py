"""What a section of the page is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup


class Table(NamedTuple):
    """Numbers behind a chart, for those who do not see it or want them exactly."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


class Figure(NamedTuple):
    title: str
    chart: Markup
    table: Table | None = None
    note: str = ""
    """A sentence below the title."""


class Key(NamedTuple):
    """An entry of a legend."""

    name: str
    swatch: Markup


class Choice(NamedTuple):
    """Figures of which one is shown at a time, the first to begin with; a menu chooses."""

    name: str
    figures: Sequence[Figure]


class Section(NamedTuple):
    """A part of the page with charts."""

    id: str
    title: str
    text: str
    figures: Sequence[Figure] = ()
    choices: Sequence[Choice] = ()
    legend: Sequence[Key] = ()
