"""Sampling against repair, measured: one evaluation with repairs, one without, at the same cost."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from rayboot.errors import UserError
from rayboot.problems import load_problems
from rayboot.runs.evaluate import measure
from rayboot.stages.observer import Observer
from rayboot.studies.comparison import Comparison, compare
from rayboot.studies.recorded import Equal, Prices, Source, cost_of, recorded_sources
from rayboot.values import Frozen


class Draws(Frozen):
    """What is asked of the model."""

    samples: int = 8
    """First attempts with repairs, of each problem."""
    repair_rounds: int = 2
    temperature: float = 0.8


class Terms(Frozen):
    """What the comparison is made on."""

    equal: Equal = "tokens"
    """What both ways spend the same of."""
    prices: Prices = Prices()

    def check(self) -> None:
        """Raises:
        UserError: Dollars shall be equal, and nothing costs any.
        """
        if self.equal == "dollars" and not self.prices.input and not self.prices.output:
            raise UserError("--equal dollars needs a price list: give --input-price and --output-price")


def sampling_vs_repair(
    model: str,
    dataset: str,
    draws: Draws,
    terms: Terms,
    overrides: Sequence[str],
    out: Path | None,
    observer: Observer,
) -> Comparison:
    """Evaluate with repairs, then without, with as many samples as the repairs' cost buys, and compare.

    Args:
        model: As for `measure`.
        dataset: SPEC of the problems.
        overrides: Recipe options of both evaluations.
        out: New folder for the evaluations `repair` and `sampling`, as `rayboot evaluate --out` writes them, and for
            `comparison.json`; None keeps nothing.

    Raises:
        UserError: As `measure`, or the folder exists, or there would be no repairs.
    """
    if draws.repair_rounds < 1:
        raise UserError("--repair-rounds 0 leaves nothing to compare: give 1 or more")
    common = ["evaluation.num_beams=1", *overrides, f"evaluation.temperature={draws.temperature}"]
    repairs = [f"evaluation.samples={draws.samples}", f"evaluation.repair_rounds={draws.repair_rounds}"]
    with tempfile.TemporaryDirectory(prefix="rayboot-") as temporary:
        folder = _new(out) or Path(temporary, "bench")
        measure(model, dataset, [*common, *repairs], folder / "repair", observer)
        # Another seed: the samples shall be others than the first attempts that were repaired.
        seed = yaml.safe_load((folder / "repair" / "recipe.yaml").read_text())["seed"] + 1
        [repaired] = recorded_sources(str(folder / "repair"))
        samples = [f"evaluation.samples={_same_cost(repaired, terms)}", "evaluation.repair_rounds=0"]
        measure(model, dataset, [*common, *samples, f"seed={seed}"], folder / "sampling", observer)
        comparison = _compared(folder, dataset, terms)
    return _written(comparison, out)


def compare_recorded(attempts: str, dataset: str | None, terms: Terms, out: Path | None) -> Comparison:
    """Compare on attempts that were recorded.

    Args:
        attempts: Folder or URI, as `sampling_vs_repair` leaves it, or any with the attempts of one model.
        dataset: SPEC of the problems, for their difficulties; problems that are not in it are left out.
        out: New folder for `comparison.json`.

    Raises:
        UserError: A folder or the SPEC is wrong, or the attempts cannot be compared.
    """
    _new(out)
    return _written(_compared(attempts, dataset, terms), out)


def _compared(folder: str | Path, dataset: str | None, terms: Terms) -> Comparison:
    difficulties = None
    if dataset is not None:
        difficulties = {problem.id: problem.difficulty for problem in load_problems(dataset)}
    return compare(recorded_sources(str(folder)), terms.equal, terms.prices, difficulties)


def _new(out: Path | None) -> Path | None:
    if out is not None and out.exists():
        raise UserError(f"{out} exists: give a new folder to --out")
    return out


def _written(comparison: Comparison, out: Path | None) -> Comparison:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "comparison.json").write_text(comparison.model_dump_json(indent=2) + "\n")
    return comparison


def _same_cost(repaired: Source, terms: Terms) -> int:
    """First attempts of each problem that cost, all together, what was spent with repairs."""
    cost = cost_of(terms.equal, terms.prices)
    chains = [chain for several in repaired.chains.values() for chain in several]
    if not chains:
        raise UserError("no prompt of the dataset fits policy.max_prompt_tokens: nothing can be compared")
    spent = sum(cost(step) for chain in chains for step in chain if step.made)
    return math.ceil(spent / sum(cost(chain[0]) for chain in chains) * len(chains) / len(repaired.chains))
