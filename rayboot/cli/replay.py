"""`rayboot replay`: what a run has verified, and what it can replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from rayboot.attempts import Attempt
from rayboot.curation import Overview, normalised
from rayboot.problems.types import Language

replay_app = typer.Typer(no_args_is_help=True, help="Inspect the replay buffer of a run.")


@replay_app.command("show")
def show_replay(
    run: Annotated[str, typer.Argument(help="Run directory or URI.")],
    problem: Annotated[
        str | None, typer.Option(help="Id of a problem: print the verified programs for it.")
    ] = None,
) -> None:
    """Show the replay buffer of a run: the verified programs of all rollouts."""
    from rayboot.cli import display
    from rayboot.curation import buffer_overview, problem_programs

    shown = (
        show_overview(buffer_overview(run))
        if problem is None
        else show_programs(*problem_programs(run, problem))
    )
    display.console.print(shown)


def show_overview(overview: Overview) -> RenderableType:
    """Tables of the iterations and of the hardest problems, with the bounds between."""
    return Group(
        _parts(overview),
        Text(
            f"{overview.programs} distinct programs; {overview.solved} of {overview.problems} problems are solved"
        ),
        *map(Text, _bounds(overview)),
        Text(),
        _hardest(overview),
    )


def show_programs(attempts: Sequence[Attempt], language: Language) -> RenderableType:
    """The verified programs of a problem, one below the other; a program that came before is only named."""
    first: dict[str, str] = {}
    shown: list[RenderableType] = [Text(f"{attempts[0].problem_id}: {len(attempts)} verified programs")]
    for attempt in attempts:
        name = f"iteration {attempt.iteration}, sample {attempt.sample}, round {attempt.round}"
        before = first.setdefault(normalised(attempt.program, language), name)
        if before == name:
            shown += [
                Text(f"\n{name}", style="bold"),
                Syntax(attempt.program.rstrip(), language, word_wrap=True),
            ]
        else:
            shown += [Text(f"\n{name}: the same as {before}", style="bold")]
    return Group(*shown)


def _parts(overview: Overview) -> Table:
    table = Table(title="verified programs", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("iteration", "kind", "attempts", "verified", "solve rate", "distinct", "new", "problems"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for part in overview.parts:
        rate = f"{part.verified / part.attempts:.1%}"
        numbers = map(str, (part.distinct, part.new, part.problems))
        table.add_row(str(part.iteration), part.kind, str(part.attempts), str(part.verified), rate, *numbers)
    return table


def _bounds(overview: Overview) -> list[str]:
    """What the recipe says of replay, and what came of it."""
    options = overview.options
    if options is None:
        return ["replay is off in this run's recipe (curation.replay: null)"]
    bound = f"at most {options.size} examples" if options.size else "all"
    cap = (
        f", {overview.capped} with max_per_problem {options.max_per_problem}"
        if options.max_per_problem
        else ""
    )
    lines = [f"replay: strategy {options.strategy}, {bound} of {overview.programs} programs{cap}"]
    for number, origins in overview.replayed.items():
        origin = ", ".join(f"{count} of iteration {earlier}" for earlier, count in origins.items())
        of = f" of at most {options.size}" if options.size else ""
        lines.append(
            f"iteration {number} replayed {sum(origins.values())}{of}" + (f": {origin}" if origin else "")
        )
    return lines


def _hardest(overview: Overview) -> Table:
    table = Table(
        title="hardest solved problems", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("problem")
    table.add_column("solve rate", justify="right")
    table.add_column("programs", justify="right")
    for problem in overview.hardest:
        table.add_row(Text(problem.problem_id), f"{problem.solve_rate:.1%}", str(problem.programs))
    return table
