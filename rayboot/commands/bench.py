"""`rayboot bench`: comparisons that a user asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rayboot.commands.options import check_out
from rayboot.errors import UserError

Equal = Literal["tokens", "completion-tokens", "attempts", "dollars"]
"""As in `rayboot.compare`, which is not imported before it is needed: every command would wait for it."""

bench_app = typer.Typer(no_args_is_help=True, help="Compare ways of spending tokens.")


@bench_app.callback()
def _bench() -> None:
    """Compare ways of spending tokens."""


@bench_app.command("sampling-vs-repair")
def bench_sampling_vs_repair(
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Recipe options, such as generation.batch_size=64.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="As for rayboot evaluate.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="SPEC of the problems, as for rayboot evaluate.")
    ] = None,
    attempts: Annotated[
        str | None, typer.Option(help="Folder of recorded attempts to compare on, in place of a model.")
    ] = None,
    samples: Annotated[int | None, typer.Option(help="First attempts with repairs. [default: 8]")] = None,
    repair_rounds: Annotated[
        int | None, typer.Option(help="Repairs of a failing attempt. [default: 2]")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Of sampling and repair. [default: 0.8]")] = None,
    equal: Annotated[Equal, typer.Option(help="What both ways spend the same of.")] = "tokens",
    input_price: Annotated[float, typer.Option(min=0, help="Dollars for a million prompt tokens.")] = 0.0,
    output_price: Annotated[
        float, typer.Option(min=0, help="Dollars for a million completion tokens.")
    ] = 0.0,
    out: Annotated[Path | None, typer.Option(help="New folder for the attempts and comparison.json.")] = None,
) -> None:
    """Is it better to repair, or to sample again? Spend the same both ways, and say which solves more."""
    from rayboot import display
    from rayboot.bench import Draws, Terms, compare_recorded, sampling_vs_repair
    from rayboot.compare import Prices
    from rayboot.compare.show import show_comparison

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
