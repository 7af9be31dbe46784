"""Sampling against repair on a live model: an evaluation with repairs, and one without, at equal cost."""

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
from rayboot.studies.recorded import Prices, Source, cost_of, recorded_sources
from rayboot.studies.units import CostUnit
from rayboot.values import Frozen


class SampleOptions(Frozen):
    """Options of the evaluation with repairs."""

    samples: int = 8
    """First attempts per problem."""
    repair_rounds: int = 2
    """Maximum number of repairs after a failing first attempt."""
    temperature: float = 0.8


class CostOptions(Frozen):
    """Definition of equal cost."""

    equal: CostUnit = "tokens"
    """Unit of cost in which both sides are equal."""
    prices: Prices = Prices()

    def check(self) -> None:
        """Raise a `UserError` if the unit is dollars and there is no price above 0."""
        if self.equal == "dollars" and not self.prices.input and not self.prices.output:
            raise UserError("--equal dollars needs a price list: give --input-price and --output-price")


def sampling_vs_repair(
    model: str,
    dataset: str,
    sampling: SampleOptions,
    costs: CostOptions,
    overrides: Sequence[str],
    out: Path | None,
    observer: Observer,
) -> Comparison:
    """Evaluate with repairs, then without repairs with more samples at equal cost, and compare.

    `model`, `dataset` and the recipe options `overrides` are those of `measure`. The evaluations `repair` and
    `sampling`, as written by `rayboot evaluate --out`, and `comparison.json` are kept in `out`, a new folder, unless it
    is None. Raise UserError if `measure` does, the folder exists, or `repair_rounds` is below 1.
    """
    if sampling.repair_rounds < 1:
        raise UserError("--repair-rounds 0 leaves nothing to compare: give 1 or more")
    common = ["evaluation.num_beams=1", *overrides, f"evaluation.temperature={sampling.temperature}"]
    repairs = [f"evaluation.samples={sampling.samples}", f"evaluation.repair_rounds={sampling.repair_rounds}"]
    with tempfile.TemporaryDirectory(prefix="rayboot-") as temporary:
        _require_new(out)
        folder = out or Path(temporary, "bench")
        measure(model, dataset, [*common, *repairs], folder / "repair", observer)
        # A different seed, so that the samples are independent of the first attempts that were repaired.
        seed = yaml.safe_load((folder / "repair" / "recipe.yaml").read_text())["seed"] + 1
        [repaired] = recorded_sources(str(folder / "repair"))
        samples = [f"evaluation.samples={_equal_samples(repaired, costs)}", "evaluation.repair_rounds=0"]
        measure(model, dataset, [*common, *samples, f"seed={seed}"], folder / "sampling", observer)
        comparison = _compare(folder, dataset, costs)
    return _write(comparison, out)


def compare_recorded(attempts: str, dataset: str | None, costs: CostOptions, out: Path | None) -> Comparison:
    """Compare sampling and repair on recorded attempts.

    Raise UserError if a folder or the SPEC is wrong, or the attempts cannot be compared.

    Args:
        attempts: Folder or URI with the attempts of one model, such as the output of `sampling_vs_repair`.
        dataset: SPEC of the problems, for their difficulties; other problems are left out.
        out: New folder for `comparison.json`.
    """
    _require_new(out)
    return _write(_compare(attempts, dataset, costs), out)


def _compare(folder: str | Path, dataset: str | None, costs: CostOptions) -> Comparison:
    difficulties = None
    if dataset is not None:
        difficulties = {problem.id: problem.difficulty for problem in load_problems(dataset)}
    return compare(recorded_sources(str(folder)), costs.equal, costs.prices, difficulties)


def _require_new(out: Path | None) -> None:
    if out is not None and out.exists():
        raise UserError(f"{out} exists: give a new folder to --out")


def _write(comparison: Comparison, out: Path | None) -> Comparison:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "comparison.json").write_text(comparison.model_dump_json(indent=2) + "\n")
    return comparison


def _equal_samples(repaired: Source, costs: CostOptions) -> int:
    """Return the number of first attempts per problem at the total cost of the attempts with repairs.

    Raise UserError if no prompt fits the token budget.
    """
    cost = cost_of(costs.equal, costs.prices)
    chains = [chain for of_problem in repaired.chains.values() for chain in of_problem]
    if not chains:
        raise UserError(
            "no prompt of the dataset fits policy.max_prompt_tokens: raise it, or give another dataset"
        )
    spent = sum(cost(step) for chain in chains for step in chain if step.generated)
    return math.ceil(spent / sum(cost(chain[0]) for chain in chains) * len(chains) / len(repaired.chains))
