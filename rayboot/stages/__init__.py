"""The lab, which owns what stages share, and the stages: each has typed inputs and results, and is done once."""
