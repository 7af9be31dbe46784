"""What a run leaves for people to look at."""

from rayboot.report.page import report_runs, write_report
from rayboot.report.tensorboard import write_tensorboard

__all__ = ["report_runs", "write_report", "write_tensorboard"]
