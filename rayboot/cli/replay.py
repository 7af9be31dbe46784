"""`rayboot replay`: the verified programs of a run, and those that were replayed."""

from __future__ import annotations

from typing import Annotated

import typer

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
    from rayboot.cli.replay_buffer import show_overview, show_programs
    from rayboot.curation import buffer_overview, problem_programs

    content = (
        show_overview(buffer_overview(run))
        if problem is None
        else show_programs(*problem_programs(run, problem))
    )
    display.console.print(content)
