"""A problem and its tests, to which the data of every benchmark is converted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from rayboot.values import Frozen

Language = Literal["python", "javascript", "java", "perl", "go", "swift"]


def clean(text: str) -> str:
    """Return the text with U+FFFD in place of lone surrogates, which UTF-8 cannot encode, and of NUL.

    Models generate them; Arrow, JSON and compilers reject them.
    """
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class AssertTest(Frozen):
    """Python source that raises if the program is wrong, as in MBPP and HumanEval."""

    kind: Literal["assert"] = "assert"
    code: str
    """One or more statements, run after the program and the problem's set-up code."""
    public: bool = False


class StdioTest(Frozen):
    """Text on standard input, and the text that the program must print, as in APPS."""

    kind: Literal["stdio"] = "stdio"
    stdin: str
    stdout: str
    public: bool = False


class CallTest(Frozen):
    """Arguments of a function, and the value that it must return, as in APPS' call-based problems."""

    kind: Literal["call"] = "call"
    args: tuple[object, ...]
    """Positional arguments, plain JSON data."""
    expected: object
    public: bool = False


class ScriptTest(Frozen):
    """A test file that is combined with the program; the exit code decides, as in MBXP."""

    kind: Literal["script"] = "script"
    code: str
    public: bool = False


Test = Annotated[AssertTest | StdioTest | CallTest | ScriptTest, Field(discriminator="kind")]


class Problem(Frozen):
    """A programming task with its tests: one row of MBPP, APPS, HumanEval, or of a user's own JSONL file."""

    id: str = Field(min_length=1)
    """Unique among all problems of a run, such as `MBPP/11`."""
    benchmark: str
    """Name of the data set, such as `mbpp`; selects the prompt template."""
    split: str = ""
    """`train`, `validation`, `test` or `prompt`; empty if the benchmark has no splits."""
    difficulty: str = ""
    """The benchmark's own label, such as APPS' `introductory`, `interview` or `competition`; empty if it has none."""
    language: Language = "python"
    statement: str
    """The task in words. It is never cut from a prompt."""
    starter_code: str = ""
    """Code that the program must begin with or contain, such as a function's signature."""
    entry_point: str = ""
    """Name of the function that the tests call; empty for programs that read standard input."""
    tests: tuple[Test, ...] = Field(min_length=1)
    """All must pass. Public tests come first: they are sorted when the problem is created."""
    setup_code: str = ""
    """Code that runs after the program and before the tests."""
    prelude: str = ""
    """Python import statements, one per line. A program may use the names that they bind without importing them."""
    references: tuple[str, ...] = ()
    """Solutions known to be correct, best first."""
    buggy_code: str = ""
    """A wrong program to repair, if that is the task."""

    @field_validator("tests")
    @classmethod
    def _public_tests_first(cls, tests: tuple[Test, ...]) -> tuple[Test, ...]:
        return tuple(sorted(tests, key=lambda test: not test.public))

    @property
    def public_tests(self) -> tuple[Test, ...]:
        """The tests that prompts and feedback may show."""
        return tuple(test for test in self.tests if test.public)
