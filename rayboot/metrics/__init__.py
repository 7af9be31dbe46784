"""Metrics of attempts: estimates, intervals and paired tests."""

from rayboot.metrics.bleu import bleu_values
from rayboot.metrics.intervals import (
    Interval,
    Paired,
    bootstrap_interval,
    paired,
    paired_by_problem,
    ratio_interval,
    ratio_values,
)
from rayboot.metrics.pass_at_k import fractional_pass_at_k, pass_at_k
from rayboot.metrics.rates import (
    Transition,
    attempt_metrics,
    compilation_rate,
    error_transitions,
    metric_intervals,
    partial_success,
    pass_at_k_interval,
    pass_values,
    public_only_rate,
    rounds_curve,
)
from rayboot.metrics.rows import MetricsRow, SplitMetrics, headline_split

__all__ = [
    "MetricsRow",
    "SplitMetrics",
    "headline_split",
    "Interval",
    "Paired",
    "Transition",
    "attempt_metrics",
    "bleu_values",
    "bootstrap_interval",
    "compilation_rate",
    "error_transitions",
    "fractional_pass_at_k",
    "metric_intervals",
    "paired",
    "paired_by_problem",
    "partial_success",
    "pass_at_k",
    "pass_at_k_interval",
    "pass_values",
    "public_only_rate",
    "ratio_interval",
    "ratio_values",
    "rounds_curve",
]
