"""The HTML report and the TensorBoard files of a run."""

from rayboot.report.page import report_runs, write_report
from rayboot.report.tensorboard import write_tensorboard

__all__ = ["report_runs", "write_report", "write_tensorboard"]
