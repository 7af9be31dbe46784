"""The unbiased estimator of pass@k."""

from __future__ import annotations


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the probability that at least one of `k` samples passes, drawn without replacement from `n`, `c` passing.

    This is 1 - C(n - c, k) / C(n, k) as a product, which does not overflow (Chen et al. 2021, arXiv 2107.03374,
    figure 3). The mean over problems is the unbiased estimate of pass@k; the share of problems with a passing sample is
    not. Raise ValueError if `k` is not between 1 and `n`, or `c` is not between 0 and `n`.
    """
    if not 1 <= k <= n:
        raise ValueError(
            f"pass@{k} needs at least {max(k, 1)} samples per problem and k >= 1, but there are {n}"
        )
    if not 0 <= c <= n:
        raise ValueError(f"{c} of {n} samples cannot pass")
    if n - c < k:
        return 1.0
    all_fail = 1.0
    for i in range(n - c + 1, n + 1):
        all_fail *= 1.0 - k / i
    return 1.0 - all_fail


def fractional_pass_at_k(n: int, c: int, k: float) -> float:
    """Return pass@k for a fractional k, by linear interpolation between the integers below and above.

    It is the expected pass@k of a random integer number of samples with mean k, such as a budget in tokens buys. Raise
    ValueError if `k` or `c` is not between 0 and `n`.
    """
    whole = min(int(k), n - 1)
    below = pass_at_k(n, c, whole) if whole else 0.0
    return below + (k - whole) * (pass_at_k(n, c, whole + 1) - below)
