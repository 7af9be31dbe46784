"""Programs extracted from completions."""

from __future__ import annotations

import pytest

from rayboot.problems import AssertTest, Problem, ScriptTest
from rayboot.problems.types import Language
from rayboot.prompts import PromptBuilder

CODE = "def double(x):\n    return 2 * x"
STARTER = 'def double(x):\n    """Twice."""\n'


def program(completion: str, benchmark: str = "mbpp", starter_code: str = "") -> str:
    problem = Problem(
        id="x/1",
        benchmark=benchmark,
        statement="Twice.",
        starter_code=starter_code,
        entry_point="double",
        tests=(AssertTest(code="assert double(1) == 2"),),
    )
    return PromptBuilder(len, 1000).program(problem, completion)


@pytest.mark.parametrize(
    "completion",
    [
        CODE,
        f"\n{CODE}\n\n",
        f"```python\n{CODE}\n```",
        f"Here is the function:\n\n```py\n{CODE}\n```\nIt doubles `x`.",
        f"Sure\n```\n{CODE}\n```",
        f"```python\n{CODE}",
        f"{CODE}\n```\nThis works because ...",
        f"First install it:\n```sh\npip install double\n```\nThen:\n```python\n{CODE}\n```",
        f"```python\n{CODE}\n```\nUse it:\n```python\nprint(double(2))\n```",
    ],
)
def test_fences_and_prose_are_stripped(completion: str) -> None:
    assert program(completion) == CODE


def test_a_fence_inside_a_docstring_is_part_of_the_program() -> None:
    code = 'def double(x):\n    """\n    ```\n    double(1)\n    ```\n    """\n    return 2 * x'
    assert program(code) == code


def test_text_without_code_is_unchanged() -> None:
    assert program("I do not know.") == "I do not know."


@pytest.mark.parametrize(
    "completion",
    [
        "    return 2 * x\n",
        "```python\n    return 2 * x\n```",
        "    return 2 * x\n```\nDone.",
        f"```python\n{CODE}\n```",
        f"Of course!\n```python\nimport math\n\n{CODE}\n```",
        CODE,
    ],
)
def test_a_continuation_may_repeat_the_whole_function(completion: str) -> None:
    namespace: dict[str, object] = {}
    text = program(completion, "humaneval", STARTER)
    assert text.startswith(STARTER)
    exec(text, namespace)
    assert namespace["double"](4) == 8  # type: ignore[operator]


def in_language(language: Language, completion: str, starter_code: str) -> str:
    problem = Problem(
        id="x/1",
        benchmark="mbxp",
        language=language,
        statement="Twice.",
        starter_code=starter_code,
        entry_point="twice",
        tests=(ScriptTest(code="..."),),
    )
    return PromptBuilder(len, 1000).program(problem, completion)


PROGRAMS: dict[Language, tuple[str, str]] = {
    "javascript": ("/** Twice. */\nfunction twice(x) {\n", "  return 2 * x;\n}"),
    "java": (
        "import java.util.*;\n\nclass Twice {\n    public static int twice(int x) {\n",
        "        return 2 * x;\n    }\n}",
    ),
    "go": ("package main\n\n// Twice.\nfunc twice (x int) int {\n", "    return 2 * x\n}"),
    "swift": ("/** Twice. */\nfunc twice(x : Int) -> Int {\n", "    return 2 * x\n}"),
    "perl": ("# Twice.\nsub twice {\n", "    my ($x) = @_;\n    return 2 * $x;\n}"),
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_in_other_languages_a_continuation_is_joined_and_a_whole_program_is_not(language: Language) -> None:
    starter, rest = PROGRAMS[language]
    whole = starter + rest
    for completion in (
        rest,
        f"{rest}\n```\nDone.",
        f"```{language}\n{rest}\n```",
        whole,
        f"```\n{whole}\n```",
    ):
        assert in_language(language, completion, starter) == whole


def test_tags_in_a_string_of_a_continuation_are_code() -> None:
    starter = PROGRAMS["javascript"][0]
    rest = "  return `\n<pre>\n${x}\n</pre>\n`;\n}"
    assert in_language("javascript", rest, starter) == starter + rest


def test_header_lines_that_an_answer_leaves_out_are_restored() -> None:
    java = "class Twice {\n    static int twice(int x) { return 2 * x; }\n}"
    answer = f"Call it:\n```\ntwice(1);\n```\nHere it is:\n```java\n{java}\n```\nDone."
    assert in_language("java", answer, PROGRAMS["java"][0]) == f"import java.util.*;\n{java}"
    go = "func twice(x int) int { return 2 * x }"
    assert in_language("go", f"```go\n{go}\n```", PROGRAMS["go"][0]) == f"package main\n{go}"
    assert in_language("go", f"```go\npackage main\n{go}\n```", PROGRAMS["go"][0]) == f"package main\n{go}"
