"""Tables and sentences on a comparison of strategies, and on a replay buffer.

Shares of a comparison are in percent; brackets contain 95 % intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from rayboot.studies.units import UNITS

if TYPE_CHECKING:  # either half of this module is used without the other's imports
    from rayboot.attempts import Attempt
    from rayboot.curation import Overview
    from rayboot.metrics import Interval, Paired
    from rayboot.problems.types import Language
    from rayboot.studies.comparison import Comparison
    from rayboot.studies.mixes import MixResult


def show_comparison(comparison: Comparison) -> RenderableType:
    """Return all tables that have rows, and the conclusions."""
    tables = [
        _measured(comparison),
        _mixes(comparison),
        _difficulties(comparison),
        _after_failures(comparison),
        _stepwise(comparison),
    ]
    return Group(*(table for table in tables if table.row_count), *map(Text, _conclusions(comparison)))


def _conclusions(comparison: Comparison) -> list[str]:
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
    figures = f"{result.difference.percent('+')} points, p {_p(result)}"
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
            source.solved.percent(),
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
        _add(table, result.mix, *costs, *_outcome(result))
    return table


def _difficulties(comparison: Comparison) -> Table:
    table = _table("the same by difficulty", "difficulty|problems|mix|solved|by samples alone|difference|p")
    for difficulty in comparison.difficulties:
        for result in difficulty.results:
            _add(table, difficulty.difficulty, difficulty.problems, result.mix, *_outcome(result))
    return table


def _outcome(result: MixResult) -> tuple[str, ...]:
    difference = result.difference
    gain = difference.difference.percent("+")
    return result.solved.percent(), result.sampled.percent(), gain, _p(difference)


def _after_failures(comparison: Comparison) -> Table:
    table = _table(
        f"after a failure: passing programs per {UNITS[comparison.equal].name}",
        "failure|count|problems|repair|new sample|difference|p",
    )
    for after in comparison.after_failures:
        rates = _rate(after.repair), _rate(after.sample), _rate(after.difference.difference)
        _add(table, after.kind, after.failures, after.problems, *rates, _p(after.difference))
    return table


def _stepwise(comparison: Comparison) -> Table:
    table = _table(
        f"step by step until the first pass, at equal {_unit(comparison)}",
        f"{_unit(comparison)} per problem|sampling|repair|adaptive"
        "|repair - sampling|p|adaptive - sampling|p|adaptive - repair|p",
    )
    for result in comparison.stepwise:
        solved = (share.percent() for share in (result.sampling, result.repair, result.adaptive))
        gains = (result.repair_gain, result.adaptive_over_sampling, result.adaptive_over_repair)
        differences = (text for gain in gains for text in (gain.difference.percent("+"), _p(gain)))
        _add(table, _number(result.cost), *solved, *differences)
    return table


def _unit(comparison: Comparison) -> str:
    return comparison.equal.replace("-", " ")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _rate(interval: Interval) -> str:
    return f"{interval.mean:.3g} [{interval.low:.3g}, {interval.high:.3g}]"


def _p(result: Paired) -> str:
    return f"{result.p_value:.3f}" if result.p_value >= 0.001 else "<0.001"


def show_overview(overview: Overview) -> RenderableType:
    """Return tables of a replay buffer's iterations and hardest problems, with the limits of replay between them."""
    parts = _table(
        "verified programs", "iteration|kind|attempts|verified|solve rate|distinct|new|problems", left=1
    )
    for part in overview.parts:
        rate = f"{part.verified / part.attempts:.1%}"
        numbers = (part.distinct, part.new, part.problems)
        _add(parts, part.iteration, part.kind, part.attempts, part.verified, rate, *numbers)
    hardest = _table("hardest solved problems", "problem|solve rate|programs")
    for problem in overview.hardest:
        _add(hardest, problem.problem_id, f"{problem.solve_rate:.1%}", problem.programs)
    solved = f"{overview.solved} of {overview.problems} problems are solved"
    sentences = [f"{overview.programs} distinct programs; {solved}", *_limits(overview), ""]
    return Group(parts, *map(Text, sentences), hardest)


def _limits(overview: Overview) -> list[str]:
    """Return the replay options of the recipe, and the numbers of replayed examples, as sentences."""
    options = overview.options
    if options is None:
        return ["replay is off in this run's recipe (curation.replay: null)"]
    limit = f"at most {options.size} examples" if options.size else "all"
    cap = (
        f", {overview.capped} with max_per_problem {options.max_per_problem}"
        if options.max_per_problem
        else ""
    )
    lines = [f"replay: strategy {options.strategy}, {limit} of {overview.programs} programs{cap}"]
    for number, origins in overview.replayed.items():
        maximum = f" of at most {options.size}" if options.size else ""
        origin = ", ".join(f"{count} of iteration {earlier}" for earlier, count in origins.items())
        suffix = f": {origin}" if origin else ""
        lines.append(f"iteration {number} replayed {sum(origins.values())}{maximum}{suffix}")
    return lines


def show_programs(attempts: Sequence[Attempt], language: Language) -> RenderableType:
    """Return the verified programs of a problem; a repeated program refers to the first occurrence."""
    from rayboot.curation import normalised

    first: dict[str, str] = {}
    lines: list[RenderableType] = [Text(f"{attempts[0].problem_id}: {len(attempts)} verified programs")]
    for attempt in attempts:
        name = f"iteration {attempt.iteration}, sample {attempt.sample}, round {attempt.round}"
        before = first.setdefault(normalised(attempt.program, language), name)
        if before == name:
            program = Syntax(attempt.program.rstrip(), language, word_wrap=True)
            lines += [Text(f"\n{name}", style="bold"), program]
        else:
            lines.append(Text(f"\n{name}: the same as {before}", style="bold"))
    return Group(*lines)


def _table(title: str, columns: str, left: int = 0) -> Table:
    """Return a table with these columns, separated by `|`; all but one are aligned to the right."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns.split("|")):
        table.add_column(name, justify="left" if number == left else "right")
    return table


def _add(table: Table, *cells: object) -> None:
    table.add_row(*(Text(str(cell)) for cell in cells))
