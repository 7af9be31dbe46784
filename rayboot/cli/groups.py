"""Groups of commands: `rayboot problems`, `rayboot replay` and `rayboot bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayboot.cli.options import (
    EvaluationOverrides,
    Preload,
    Spec,
    Timeout,
    Weak,
    Workers,
    check_out,
    open_sandbox,
)
from rayboot.errors import UserError
from rayboot.studies.units import CostUnit

problems_app = typer.Typer(no_args_is_help=True, help="Show problems, or check their references.")
replay_app = typer.Typer(no_args_is_help=True, help="Inspect the replay buffer of a run.")
bench_app = typer.Typer(no_args_is_help=True, help="Compare strategies at equal cost.")


@problems_app.command()
def show(
    dataset: Spec,
    id: Annotated[
        str | None,
        typer.Argument(help="Id of the problem, such as MBPP/11 or 11. Default: the first problem."),
    ] = None,
) -> None:
    """Print one problem as JSON, in the schema of docs/problems.md."""
    from rayboot.problems import load_problems

    problems = load_problems(dataset)
    matching = [p for p in problems if id is None or id in (p.id, p.id.rpartition("/")[2])]
    if not matching:
        raise UserError(f"{dataset} has no problem {id}; its ids are like {problems[0].id}")
    print(matching[0].model_dump_json(indent=2))


@problems_app.command()
def check(
    dataset: Spec,
    timeout: Timeout = 10.0,
    workers: Workers = 0,
    allow_weak: Weak = False,
    preload: Preload = None,
) -> None:
    """Validate every problem, run the references against the tests, and list the problems that a stub solves."""
    from rayboot.cli import display
    from rayboot.problems import load_problems, load_statement_examples
    from rayboot.runs.check import check_references, unfit_problems

    problems, examples = load_problems(dataset), load_statement_examples(dataset)
    total = sum(len(problem.references) for problem in problems)
    with (
        open_sandbox(workers, timeout, allow_weak, preload) as sandbox,
        display.progress_counter("check", total) as advance,
    ):
        checks = list(check_references(problems, sandbox, progress=advance))
        unfit = unfit_problems(problems, sandbox)
    verdicts = [(check.problem_id, check.verdict) for check in checks if check.verdict is not None]
    failing = [(id, verdict) for id, verdict in verdicts if not verdict.passed]
    for id, verdict in failing:
        display.console.print(f"{id}: {verdict.status}: {verdict.message}", markup=False)
    display.console.print(
        f"{len(problems)} problems are valid; {total - len(failing)} of {total} references pass"
    )
    if without := len(checks) - len(verdicts):
        display.console.print(f"{without} problems have no reference")
    if unfit:
        display.console.print(
            f"{len(unfit)} problems are unfit, since a program that does nothing, or always gives the same answer, "
            f"passes their tests: {', '.join(unfit)}",
            markup=False,
        )
    for kind in ("public", "broken", "unknown") if examples else ():
        display.console.print(f"{sum(getattr(count, kind) for count in examples)} examples are {kind}")
    for count in examples:
        if count.broken:
            display.console.print(
                f"{count.id}: {count.broken} examples contradict the tests, and are not used"
            )
    raise typer.Exit(1 if failing else 0)


@replay_app.command("show")
def show_replay(
    run: Annotated[str, typer.Argument(help="Run directory or URI.")],
    problem: Annotated[
        str | None, typer.Option(help="Id of a problem: print the verified programs for it.")
    ] = None,
) -> None:
    """Show the replay buffer of a run: the verified programs of all rollouts."""
    from rayboot.cli import display
    from rayboot.cli.tables import show_overview, show_programs
    from rayboot.curation import buffer_overview, problem_programs

    content = (
        show_overview(buffer_overview(run))
        if problem is None
        else show_programs(*problem_programs(run, problem))
    )
    display.console.print(content)


@bench_app.callback()
def _bench() -> None:
    """Compare strategies at equal cost."""


@bench_app.command("sampling-vs-repair")
def bench_sampling_vs_repair(
    overrides: EvaluationOverrides = None,
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
    from rayboot.cli.tables import show_comparison
    from rayboot.studies.recorded import Prices
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
