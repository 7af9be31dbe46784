"""What a run leaves for people to look at."""

from rayboot.report.html import write_html
from rayboot.report.tensorboard import write_tensorboard

__all__ = ["write_html", "write_tensorboard"]
