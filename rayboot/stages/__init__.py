"""The lab, which owns what stages need, and the stages: each typed in, typed out, done once."""
