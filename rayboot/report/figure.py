"""The parts of a section of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup


class Table(NamedTuple):
    """The exact numbers of a chart, also for readers who cannot see it."""

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
    """Figures that are shown one at a time, chosen by a menu; initially the first."""

    name: str
    figures: Sequence[Figure]


class Section(NamedTuple):
    """A section of the page with charts."""

    id: str
    title: str
    text: str
    figures: Sequence[Figure] = ()
    choices: Sequence[Choice] = ()
    legend: Sequence[Key] = ()
