"""Problems and their tests, with an adapter per benchmark."""

from rayboot.problems.load import load_problems, load_statement_examples
from rayboot.problems.overlap import Overlap, find_overlaps
from rayboot.problems.types import AssertTest, CallTest, Problem, ScriptTest, StdioTest, Test

__all__ = [
    "AssertTest",
    "CallTest",
    "Overlap",
    "Problem",
    "ScriptTest",
    "StdioTest",
    "Test",
    "find_overlaps",
    "load_problems",
    "load_statement_examples",
]
