"""What a run leaves for people to look at."""

from rayboot.report.tensorboard import write_tensorboard
from rayboot.report.write import report_runs, write_report

__all__ = ["report_runs", "write_report", "write_tensorboard"]
