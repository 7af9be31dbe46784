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
