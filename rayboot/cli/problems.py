"""`rayboot problems`: show problems, and check them."""

from __future__ import annotations

from typing import Annotated

import typer

from rayboot.cli.options import Preload, Spec, Timeout, Weak, Workers, open_sandbox
from rayboot.errors import UserError

problems_app = typer.Typer(no_args_is_help=True, help="Show problems, or check their references.")


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
    run_checks = [check for check in checks if check.verdict is not None]
    failing = [check for check in run_checks if check.verdict and not check.verdict.passed]
    for check in failing:
        if check.verdict:
            display.console.print(
                f"{check.problem_id}: {check.verdict.status}: {check.verdict.message}", markup=False
            )
    display.console.print(
        f"{len(problems)} problems are valid; {total - len(failing)} of {total} references pass"
    )
    if without := len(checks) - len(run_checks):
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
