"""The program in what a model wrote."""

from __future__ import annotations

import pytest

from rayboot.problems import AssertTest, Problem
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


def test_text_that_is_no_code_stays_as_it_is() -> None:
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
def test_a_continuation_may_also_be_the_whole_function_again(completion: str) -> None:
    namespace: dict[str, object] = {}
    text = program(completion, "humaneval", STARTER)
    assert text.startswith(STARTER)
    exec(text, namespace)
    assert namespace["double"](4) == 8  # type: ignore[operator]
