"""A comparison of strategies as tables and sentences.

Shares are in percent; brackets contain 95 % intervals.
"""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rayboot.metrics import Interval, Paired
from rayboot.studies import Comparison
from rayboot.studies.mixes import MixResult
from rayboot.studies.recorded import UNITS


def show_comparison(comparison: Comparison) -> RenderableType:
    """Return all tables that have rows, and the conclusions."""
    tables = [
        _measured(comparison),
        _mixes(comparison),
        _difficulties(comparison),
        _after_failures(comparison),
        _stepwise(comparison),
    ]
    return Group(*(table for table in tables if table.row_count), *map(Text, conclusions(comparison)))


def conclusions(comparison: Comparison) -> list[str]:
    """Return a sentence for each comparison. A difference whose interval contains 0 is inconclusive."""
    condition = f"at equal {_unit(comparison)}"
    if (result := comparison.headline) is None:
        return [f"Too few samples for a mix with {comparison.rounds} repairs: record more first attempts."]
    lines = [f"Drawn at once, {result.mix}, {condition}: {_winner(result.difference, 'repair', 'sampling')}."]
    if comparison.stepwise:
        last = comparison.stepwise[-1]
        pairs = (
            ("repair", "sampling", last.repair_gain),
            ("adaptive", "sampling", last.adaptive_over_sampling),
            ("adaptive", "repair", last.adaptive_over_repair),
        )
        lines += [
            f"Step by step, {condition} ({_number(last.cost)} per problem), {first} against {second}: "
            f"{_winner(difference, first, second)}."
            for first, second, difference in pairs
        ]
    return lines


def _winner(result: Paired, first: str, second: str) -> str:
    figures = f"{_points(result)} points, p {_p(result)}"
    if not result.sure:
        return f"no significant difference ({figures})"
    return f"{first if result.difference.mean > 0 else second} solves more ({figures})"


def _measured(comparison: Comparison) -> Table:
    table = _table(
        "recorded rollouts and evaluations: first attempts x repairs",
        "mix|solved|attempts|tokens|verified per 1,000 tokens|seconds|dollars|attempts/s|tokens/s|verified/s",
    )
    for source in comparison.measured:
        rates = (source.per_second(amount) for amount in (source.attempts, source.tokens, source.verified))
        _add(
            table,
            f"{source.samples:.3g} x {source.rounds}",
            _share(source.solved),
            f"{source.attempts:,}",
            f"{source.tokens:,}",
            _rate(source.verified_per_1000_tokens),
            "-" if source.seconds is None else f"{source.seconds:.1f}",
            f"{source.dollars:.4f}" if source.dollars else "-",
            *("-" if rate is None else f"{rate:,.1f}" for rate in rates),
        )
    return table


def _mixes(comparison: Comparison) -> Table:
    table = _table(
        f"first attempts x repairs against first attempts alone, at equal {_unit(comparison)}",
        f"mix|{_unit(comparison)} per problem|attempts|samples at equal cost|solved|by samples alone|difference|p",
    )
    for result in comparison.mixes:
        costs = (_number(result.cost), f"{result.attempts:.1f}", f"{result.equal_samples:.1f}")
        _add(table, str(result.mix), *costs, *_outcome(result))
    return table


def _difficulties(comparison: Comparison) -> Table:
    table = _table("the same by difficulty", "difficulty|problems|mix|solved|by samples alone|difference|p")
    for difficulty in comparison.difficulties:
        for result in difficulty.results:
            _add(table, difficulty.difficulty, str(difficulty.problems), str(result.mix), *_outcome(result))
    return table


def _outcome(result: MixResult) -> tuple[str, ...]:
    return _share(result.solved), _share(result.sampled), _points(result.difference), _p(result.difference)


def _after_failures(comparison: Comparison) -> Table:
    table = _table(
        f"after a failure: passing programs per {UNITS[comparison.equal].name}",
        "failure|count|problems|repair|new sample|difference|p",
    )
    for after in comparison.after_failures:
        rates = _rate(after.repair), _rate(after.sample), _rate(after.difference.difference)
        _add(table, after.kind, str(after.failures), str(after.problems), *rates, _p(after.difference))
    return table


def _stepwise(comparison: Comparison) -> Table:
    table = _table(
        f"step by step until the first pass, at equal {_unit(comparison)}",
        f"{_unit(comparison)} per problem|sampling|repair|adaptive"
        "|repair - sampling|p|adaptive - sampling|p|adaptive - repair|p",
    )
    for result in comparison.stepwise:
        solved = map(_share, (result.sampling, result.repair, result.adaptive))
        gains = (result.repair_gain, result.adaptive_over_sampling, result.adaptive_over_repair)
        _add(
            table,
            _number(result.cost),
            *solved,
            *(text for gain in gains for text in (_points(gain), _p(gain))),
        )
    return table


def _table(title: str, columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns.split("|")):
        table.add_column(name, justify="right" if number else "left")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*map(Text, cells))


def _unit(comparison: Comparison) -> str:
    return comparison.equal.replace("-", " ")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _share(interval: Interval) -> str:
    return f"{100 * interval.mean:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _rate(interval: Interval) -> str:
    return f"{interval.mean:.3g} [{interval.low:.3g}, {interval.high:.3g}]"


def _points(result: Paired) -> str:
    mean, low, high = (100 * getattr(result.difference, name) for name in ("mean", "low", "high"))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def _p(result: Paired) -> str:
    return f"{result.p_value:.3f}" if result.p_value >= 0.001 else "<0.001"
