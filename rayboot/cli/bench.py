"""`rayboot bench`: comparisons of strategies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rayboot.cli.options import check_out
from rayboot.errors import UserError

CostUnit = Literal["tokens", "completion-tokens", "attempts", "dollars"]
"""The same as in `rayboot.studies`, which is imported only when needed: commands start in a fraction of a second."""

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
    equal: Annotated[CostUnit, typer.Option(help="Unit of cost in which both sides are equal.")] = "tokens",
    input_price: Annotated[float, typer.Option(min=0, help="Dollars per million prompt tokens.")] = 0.0,
    output_price: Annotated[float, typer.Option(min=0, help="Dollars per million completion tokens.")] = 0.0,
    out: Annotated[Path | None, typer.Option(help="New folder for the attempts and comparison.json.")] = None,
) -> None:
    """Compare repair with sampling at equal cost, and report which solves more problems."""
    from rayboot.cli import display
    from rayboot.cli.comparison import show_comparison
    from rayboot.studies import Prices
    from rayboot.studies.sampling_vs_repair import (
        CostOptions,
        SampleOptions,
        compare_recorded,
        sampling_vs_repair,
    )

    check_out(out, new_folders=True)
    costs = CostOptions(equal=equal, prices=Prices(input=input_price, output=output_price))
    costs.check()
    sampling = {"samples": samples, "repair_rounds": repair_rounds, "temperature": temperature}
    given = {name: value for name, value in sampling.items() if value is not None}
    if attempts is not None:
        if model is not None or given or overrides:
            raise UserError("--attempts compares recorded attempts: leave out the model and its options")
        comparison = compare_recorded(attempts, dataset, costs, out)
    elif model is None or dataset is None:
        raise UserError("give --model and --dataset, or --attempts with a folder of recorded attempts")
    else:
        with display.redirected_libraries():
            comparison = sampling_vs_repair(
                model, dataset, SampleOptions(**given), costs, overrides or [], out, display.Terminal()
            )
    display.console.print(show_comparison(comparison))
