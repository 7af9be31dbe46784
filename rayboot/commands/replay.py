"""`rayboot replay`: what a run has verified, and can replay."""

from __future__ import annotations

from typing import Annotated

import typer

replay_app = typer.Typer(no_args_is_help=True, help="Look into a run's replay buffer.")


@replay_app.command("show")
def show_replay(
    run: Annotated[str, typer.Argument(help="Run directory, or its URI.")],
    problem: Annotated[str | None, typer.Option(help="Print this problem's verified programs.")] = None,
) -> None:
    """Say what the replay buffer of a run holds: the verified programs of its rollouts."""
    from rayboot import display
    from rayboot.replay import buffer_overview, problem_programs, show_overview, show_programs

    shown = (
        show_overview(buffer_overview(run))
        if problem is None
        else show_programs(*problem_programs(run, problem))
    )
    display.console.print(shown)
