"""The unbiased estimator of pass@k."""

from __future__ import annotations


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that of `k` samples, drawn without replacement from `n` of which `c` pass, at least one passes.

    1 - C(n - c, k) / C(n, k) as a product, which does not overflow (Chen et al. 2021, arXiv 2107.03374, figure 3).
    Averaged over problems it is the unbiased estimate of pass@k; never the share of problems with a passing sample.

    Raises:
        ValueError: `k` is not between 1 and `n`, or `c` is not between 0 and `n`.
    """
    if not 1 <= k <= n:
        raise ValueError(
            f"pass@{k} needs at least {max(k, 1)} samples a problem and k >= 1, but there are {n}"
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
    """pass@k for a number of samples that is not whole: a draw of the whole number below or above, k on average.

    So is a budget turned into samples when it does not buy a whole number of them.

    Raises:
        ValueError: `k` is not between 0 and `n`, or `c` is not.
    """
    whole = min(int(k), n - 1)
    below = pass_at_k(n, c, whole) if whole else 0.0
    return below + (k - whole) * (pass_at_k(n, c, whole + 1) - below)
