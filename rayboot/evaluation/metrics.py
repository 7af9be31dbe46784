"""pass@k and repair@k of a table of attempts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from rayboot.evaluation.breakdown import pass_values
from rayboot.evaluation.chains import Attempts, chains_by_problem, solved_by


def attempt_metrics(attempts: Attempts, ks: Sequence[int] = (1,)) -> dict[str, float]:
    """The numbers of an evaluation or a rollout.

    Args:
        attempts: All rounds of all samples; every problem has the same number of samples.
        ks: The k of each `pass@k` and `repair@k`.

    Returns:
        `pass@k`: first attempts alone. `repair@k`: the same, where a sample counts as solved when its first attempt
        or one of its repairs passes. `repair_rate`: share of the chains failing at first that a repair solved
        (0 when none failed). `problems`, `attempts`, `skipped` (attempts never made), and the sums `prompt_tokens`
        and `completion_tokens`. A problem whose first prompt did not fit counts as unsolved.

    Raises:
        ValueError: A problem with attempts has fewer samples than a k asks for.
    """
    by_problem = chains_by_problem(attempts)
    chains = [chain for several in by_problem.values() for chain in several]
    failing = [chain for chain in chains if chain[0].made and not chain[0].passed]
    steps = [step for chain in chains for step in chain]
    made = [step for step in steps if step.made]
    return {
        **{f"pass@{k}": _mean(pass_values(by_problem, k).values()) for k in ks},
        **{f"repair@{k}": _mean(pass_values(by_problem, k, rounds=None).values()) for k in ks},
        "repair_rate": _mean(solved_by(chain, len(chain)) for chain in failing),
        "problems": len(by_problem),
        "attempts": len(made),
        "skipped": len(steps) - len(made),
        "prompt_tokens": sum(step.prompt_tokens for step in made),
        "completion_tokens": sum(step.completion_tokens for step in made),
    }


def _mean(values: Iterable[float]) -> float:
    return fmean([*values] or [0.0])
