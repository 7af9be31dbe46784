"""Problems and their tests; one adapter a benchmark."""

from rayboot.problems.load import load_examples, load_problems
from rayboot.problems.overlap import Overlap, shared
from rayboot.problems.types import AssertTest, CallTest, Problem, ScriptTest, StdioTest, Test

__all__ = [
    "AssertTest",
    "CallTest",
    "Overlap",
    "Problem",
    "ScriptTest",
    "StdioTest",
    "Test",
    "load_examples",
    "load_problems",
    "shared",
]
