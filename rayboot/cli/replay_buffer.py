"""A replay buffer as tables and text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from rayboot.attempts import Attempt
from rayboot.curation import Overview, normalised
from rayboot.problems.types import Language


def show_overview(overview: Overview) -> RenderableType:
    """Return tables of the iterations and of the hardest problems, with the limits of replay between them."""
    return Group(
        _parts(overview),
        Text(
            f"{overview.programs} distinct programs; {overview.solved} of {overview.problems} problems are solved"
        ),
        *map(Text, _limits(overview)),
        Text(),
        _hardest(overview),
    )


def show_programs(attempts: Sequence[Attempt], language: Language) -> RenderableType:
    """Return the verified programs of a problem; a repeated program refers to the first occurrence."""
    first: dict[str, str] = {}
    lines: list[RenderableType] = [Text(f"{attempts[0].problem_id}: {len(attempts)} verified programs")]
    for attempt in attempts:
        name = f"iteration {attempt.iteration}, sample {attempt.sample}, round {attempt.round}"
        before = first.setdefault(normalised(attempt.program, language), name)
        if before == name:
            lines += [
                Text(f"\n{name}", style="bold"),
                Syntax(attempt.program.rstrip(), language, word_wrap=True),
            ]
        else:
            lines += [Text(f"\n{name}: the same as {before}", style="bold")]
    return Group(*lines)


def _parts(overview: Overview) -> Table:
    table = Table(title="verified programs", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("iteration", "kind", "attempts", "verified", "solve rate", "distinct", "new", "problems"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for part in overview.parts:
        rate = f"{part.verified / part.attempts:.1%}"
        numbers = map(str, (part.distinct, part.new, part.problems))
        table.add_row(str(part.iteration), part.kind, str(part.attempts), str(part.verified), rate, *numbers)
    return table


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
        origin = ", ".join(f"{count} of iteration {earlier}" for earlier, count in origins.items())
        maximum = f" of at most {options.size}" if options.size else ""
        lines.append(
            f"iteration {number} replayed {sum(origins.values())}{maximum}"
            + (f": {origin}" if origin else "")
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
