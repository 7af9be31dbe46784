"""`rayboot bench`: comparisons that a user asks for, as text and tables.

Shares are in percent; brackets hold 95 % intervals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rayboot.cli.options import check_out
from rayboot.errors import UserError
from rayboot.metrics import Interval, Paired
from rayboot.studies import Comparison
from rayboot.studies.mixes import MixResult
from rayboot.studies.recorded import UNITS

Equal = Literal["tokens", "completion-tokens", "attempts", "dollars"]
"""As in `rayboot.studies`, which is not imported before it is needed: every command would wait for it."""

bench_app = typer.Typer(no_args_is_help=True, help="Compare strategies at equal cost.")


@bench_app.callback()
def _bench() -> None:
    """Compare strategies at equal cost."""


@bench_app.command("sampling-vs-repair")
def bench_sampling_vs_repair(
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Recipe options, such as generation.batch_size=64.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model to measure, as for rayboot evaluate.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="SPEC of the problems, as for rayboot evaluate.")
    ] = None,
    attempts: Annotated[
        str | None, typer.Option(help="Folder of recorded attempts to compare, in place of a model.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="First attempts per problem, with repairs. Default: 8.")
    ] = None,
    repair_rounds: Annotated[
        int | None, typer.Option(help="Maximum number of repairs after a failing first attempt. Default: 2.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Temperature of sampling and repair. Default: 0.8.")
    ] = None,
    equal: Annotated[Equal, typer.Option(help="Unit of cost in which both sides are equal.")] = "tokens",
    input_price: Annotated[float, typer.Option(min=0, help="Dollars per million prompt tokens.")] = 0.0,
    output_price: Annotated[float, typer.Option(min=0, help="Dollars per million completion tokens.")] = 0.0,
    out: Annotated[Path | None, typer.Option(help="New folder for the attempts and comparison.json.")] = None,
) -> None:
    """Compare repair with sampling at equal cost, and report which solves more problems."""
    from rayboot.cli import display
    from rayboot.studies import Prices
    from rayboot.studies.sampling_vs_repair import Draws, Terms, compare_recorded, sampling_vs_repair

    check_out(out, new_folders=True)
    terms = Terms(equal=equal, prices=Prices(input=input_price, output=output_price))
    terms.check()
    drawn = {"samples": samples, "repair_rounds": repair_rounds, "temperature": temperature}
    given = {name: value for name, value in drawn.items() if value is not None}
    if attempts is not None:
        if model is not None or given or overrides:
            raise UserError("--attempts compares what was recorded: leave out the model and its options")
        comparison = compare_recorded(attempts, dataset, terms, out)
    elif model is None or dataset is None:
        raise UserError("give --model and --dataset, or --attempts with a folder of recorded attempts")
    else:
        with display.only_ours():
            comparison = sampling_vs_repair(
                model, dataset, Draws(**given), terms, overrides or [], out, display.Terminal()
            )
    display.console.print(show_comparison(comparison))


def show_comparison(comparison: Comparison) -> RenderableType:
    """All tables, and what they say in words."""
    tables = [
        _measured(comparison),
        _mixes(comparison),
        _difficulties(comparison),
        _after_failures(comparison),
        _stepwise(comparison),
    ]
    return Group(*(table for table in tables if table.row_count), *map(Text, conclusions(comparison)))


def conclusions(comparison: Comparison) -> list[str]:
    """Which way wins, a sentence for each question; a difference whose interval holds 0 is none."""
    same = f"at equal {_words(comparison)}"
    if (result := comparison.headline) is None:
        return [f"Too few samples for a mix with {comparison.rounds} repairs: record more first attempts."]
    lines = [f"Drawn at once, {result.mix}, {same}: {_winner(result.difference, 'repair', 'sampling')}."]
    if comparison.stepwise:
        last = comparison.stepwise[-1]
        pairs = (
            ("repair", "sampling", last.repair_gain),
            ("adaptive", "sampling", last.adaptive_over_sampling),
            ("adaptive", "repair", last.adaptive_over_repair),
        )
        lines += [
            f"Step by step, {same} ({_number(last.cost)} a problem), {first} against {second}: "
            f"{_winner(difference, first, second)}."
            for first, second, difference in pairs
        ]
    return lines


def _winner(result: Paired, first: str, second: str) -> str:
    figures = f"{_points(result)} points, p {_p(result)}"
    if not result.sure:
        return f"no difference can be shown ({figures})"
    return f"{first if result.difference.mean > 0 else second} solves more ({figures})"


def _measured(comparison: Comparison) -> Table:
    table = _table(
        "as it was run: first attempts x repairs",
        "attempts|solved|made|tokens|verified per 1,000 tokens|seconds|dollars|attempts/s|tokens/s|verified/s",
    )
    for one in comparison.measured:
        rates = (one.per_second(amount) for amount in (one.attempts, one.tokens, one.verified))
        _add(
            table,
            f"{one.samples:.3g} x {one.rounds}",
            _share(one.solved),
            f"{one.attempts:,}",
            f"{one.tokens:,}",
            _rate(one.verified_per_1000_tokens),
            "-" if one.seconds is None else f"{one.seconds:.1f}",
            f"{one.dollars:.4f}" if one.dollars else "-",
            *("-" if rate is None else f"{rate:,.1f}" for rate in rates),
        )
    return table


def _mixes(comparison: Comparison) -> Table:
    table = _table(
        f"first attempts x repairs against first attempts alone, at equal {_words(comparison)}",
        f"mix|{_words(comparison)} a problem|attempts|samples for the same|solved|by samples alone|difference|p",
    )
    for one in comparison.mixes:
        costs = (_number(one.cost), f"{one.attempts:.1f}", f"{one.equal_samples:.1f}")
        _add(table, str(one.mix), *costs, *_outcome(one))
    return table


def _difficulties(comparison: Comparison) -> Table:
    table = _table("the same by difficulty", "difficulty|problems|mix|solved|by samples alone|difference|p")
    for difficulty in comparison.difficulties:
        for one in difficulty.results:
            _add(table, difficulty.difficulty, str(difficulty.problems), str(one.mix), *_outcome(one))
    return table


def _outcome(one: MixResult) -> tuple[str, ...]:
    return _share(one.solved), _share(one.sampled), _points(one.difference), _p(one.difference)


def _after_failures(comparison: Comparison) -> Table:
    table = _table(
        f"after a failure: passing programs for each {UNITS[comparison.equal].name}",
        "failure|times|problems|repair|new sample|difference|p",
    )
    for after in comparison.after_failures:
        rates = _rate(after.repair), _rate(after.sample), _rate(after.difference.difference)
        _add(table, after.kind, str(after.failures), str(after.problems), *rates, _p(after.difference))
    return table


def _stepwise(comparison: Comparison) -> Table:
    table = _table(
        f"step by step until the first pass, at equal {_words(comparison)}",
        f"{_words(comparison)} a problem|sampling|repair|adaptive"
        "|repair - sampling|p|adaptive - sampling|p|adaptive - repair|p",
    )
    for one in comparison.stepwise:
        solved = map(_share, (one.sampling, one.repair, one.adaptive))
        gains = (one.repair_gain, one.adaptive_over_sampling, one.adaptive_over_repair)
        _add(
            table, _number(one.cost), *solved, *(text for gain in gains for text in (_points(gain), _p(gain)))
        )
    return table


def _table(title: str, columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns.split("|")):
        table.add_column(name, justify="right" if number else "left")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*map(Text, cells))


def _words(comparison: Comparison) -> str:
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
