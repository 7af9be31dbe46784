"""First prompts, repair prompts, and extraction of programs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayboot.errors import UserError
from rayboot.problems import AssertTest, CallTest, Problem, StdioTest
from rayboot.prompts import ChatStyle, Message, PromptBuilder, TemplateLibrary


def count_words(text: str) -> int:
    """Count tokens like a tokenizer: every line end and every run of other characters is one."""
    return len(text.replace("\n", " \n ").split(" "))


def double(**changes: object) -> Problem:
    values: dict[str, object] = {
        "id": "mbpp/1",
        "benchmark": "mbpp",
        "statement": "Write a function to double a number.",
        "entry_point": "double",
        "tests": (
            AssertTest(code="assert double(2) == 4", public=True),
            AssertTest(code="assert double(3) == 6"),
        ),
        "references": ("def double(x):\n    return 2 * x\n",),
    }
    return Problem.model_validate(values | changes)


def increment() -> Problem:
    starter = 'def increment(x):\n    """Add one.\n    >>> increment(1)\n    2\n    """\n'
    return Problem(
        id="HumanEval/x",
        benchmark="humaneval",
        statement="Add one.",
        starter_code=starter,
        entry_point="increment",
        tests=(AssertTest(code="assert increment(4) == 5"),),
        references=(starter + "    return x + 1\n",),
    )


def rendered(chat: Sequence[Message]) -> str:
    """Render a chat in a readable form."""
    return "".join(f"<{message['role']}>{message['content']}</>" for message in chat) + "<assistant>"


def builder(max_tokens: int = 10_000, **options: object) -> PromptBuilder:
    return PromptBuilder(count_words, max_tokens, **options)  # type: ignore[arg-type]


def test_a_first_prompt_shows_the_statement_and_the_public_tests_alone() -> None:
    assert builder().first(double()) == (
        "# Task\nWrite a function to double a number.\nassert double(2) == 4\n# Solution\n"
    )


def test_a_problem_that_reads_input_shows_its_starter_code_and_public_examples() -> None:
    tests = (StdioTest(stdin="2\n", stdout="4\n", public=True), StdioTest(stdin="7\n", stdout="14\n"))
    problem = double(tests=tests, entry_point="", starter_code="import sys")
    assert builder().first(problem) == (
        "# Task\nWrite a function to double a number.\nimport sys\nInput:\n2\nOutput:\n4\n# Solution\n"
    )


def test_a_call_test_is_shown_as_an_assert() -> None:
    problem = double(tests=(CallTest(args=("a", [1]), expected=None, public=True),))
    assert "\nassert double('a', [1]) == None\n" in (builder().first(problem) or "")


def test_humaneval_begins_with_the_signature_and_its_completion_continues_it() -> None:
    problem = increment()
    assert builder().first(problem) == problem.starter_code
    assert builder().program(problem, "    return x + 1\n") == problem.references[0].rstrip()
    assert builder().template(problem).stop == ("\nclass", "\ndef", "\n#", "\nif", "\nprint")


def test_examples_come_first_each_with_its_solution_and_never_the_problem_itself() -> None:
    problem, example = double(), double(id="mbpp/2", statement="Twice.")
    assert builder(examples=[problem, example]).first(problem) == (
        "# Task\nTwice.\nassert double(2) == 4\n# Solution\ndef double(x):\n    return 2 * x\n"
        "# Task\nWrite a function to double a number.\nassert double(2) == 4\n# Solution\n"
    )


def test_an_example_without_a_solution_is_refused() -> None:
    with pytest.raises(UserError, match="mbpp/1 has no reference"):
        builder(examples=[double(references=())])


def test_a_repair_prompt_is_the_first_prompt_the_wrong_program_and_the_feedback() -> None:
    assert builder().repair(
        double(), "def double(x):\n    return x\n", "double(2) returned 2, expected 4."
    ) == (
        "# Task\nWrite a function to double a number.\nassert double(2) == 4\n# Solution\n"
        "def double(x):\n    return x\n# Feedback\ndouble(2) returned 2, expected 4.\n# Repair\n"
    )


def test_a_repair_of_humaneval_is_a_continuation_again() -> None:
    problem = increment()
    prompt = builder().repair(problem, problem.starter_code + "    return x\n", "Wrong.")
    assert prompt == (
        f"{problem.starter_code}    return x\n# Feedback\nWrong.\n# Repair\n{problem.starter_code}"
    )


def test_a_repair_prompt_shows_1000_characters_of_the_program_at_most() -> None:
    prompt = builder().repair(double(), "x" * 999 + "yz", "Wrong.")
    assert prompt is not None
    assert "x" * 999 + "y\n# Feedback" in prompt


def test_the_budget_cuts_the_last_example_then_the_programs_tail_then_the_feedbacks_middle() -> None:
    problem = double()
    examples = [double(id="e1", statement="First."), double(id="e2", statement="Second.")]
    program = "\n".join(f"line {i}" for i in range(30))
    feedback = " ".join(f"word{i}" for i in range(30))
    whole = builder(examples=examples).repair(problem, program, feedback)
    assert whole is not None
    seen = []
    for budget in range(count_words(whole), 0, -1):
        prompt = builder(budget, examples=examples).repair(problem, program, feedback)
        if prompt is None:
            seen.append("nothing")
            break
        kept = [
            "Second." in prompt,
            "First." in prompt,
            program in prompt,
            feedback in prompt,
        ]
        seen.append("".join("+" if part else "-" for part in kept))
        assert "line" not in prompt or feedback in prompt, "the feedback is cut before the program is gone"
    assert list(dict.fromkeys(seen)) == ["++++", "-+++", "--++", "---+", "----", "nothing"]


def test_a_repair_chat_has_question_answer_and_feedback() -> None:
    style = ChatStyle(TemplateLibrary(), rendered, "Be right.")
    prompts = builder(examples=[double(id="mbpp/2", statement="Twice.")], style=style)
    ask = (
        "\nassert double(2) == 4\nThe function is called double.\n\n"
        "Answer with the whole program, in python, in one fenced block.</>"
    )
    shot = f"<user>Twice.{ask}<assistant>```python\ndef double(x):\n    return 2 * x\n```</>"
    first = f"<system>Be right.</>{shot}<user>Write a function to double a number.{ask}"
    assert prompts.first(double()) == f"{first}<assistant>"
    assert prompts.repair(double(), "def double(x):\n    return x\n", "Wrong.") == (
        f"{first}<assistant>```python\ndef double(x):\n    return x\n```</>"
        "<user>Wrong.\n\nAnswer with the whole program again, in one fenced block.</><assistant>"
    )


def test_a_chat_answers_with_the_whole_program_where_plain_text_is_continued() -> None:
    problem = increment()
    prompts = builder(style=ChatStyle(TemplateLibrary(), rendered))
    assert f"```python\n{problem.starter_code}```" in (prompts.first(problem) or "")
    answer = f"```python\n{problem.references[0]}```"
    assert prompts.target(problem, problem.references[0]) == answer
    for completion in (answer, f"Sure!\n\n{answer}\nIt adds one.", "```\n    return x + 1\n```"):
        assert prompts.program(problem, completion) == problem.references[0].rstrip()


def test_a_target_begins_with_the_space_that_the_chat_template_has_before_an_answer() -> None:
    def as_llama_2(chat: Sequence[Message]) -> str:
        turns = {"user": "<s>[INST] {content} [/INST]", "assistant": " {content} </s>"}
        return "".join(turns[each["role"]].format(**each) for each in chat)

    prompts = builder(style=ChatStyle(TemplateLibrary(), as_llama_2))
    program = double().references[0].rstrip()
    assert prompts.target(double(), program) == f" ```python\n{program}\n```"
    assert prompts.program(double(), prompts.target(double(), program)) == program


def test_a_wrong_program_to_repair_is_part_of_the_first_prompt() -> None:
    problem = double(benchmark="quixbugs", buggy_code="def double(x):\n    return x\n")
    assert builder().first(problem) == (
        "# Task\nWrite a function to double a number.\nassert double(2) == 4\n"
        "# Wrong program\ndef double(x):\n    return x\n# Right program\n"
    )


def test_a_statement_that_does_not_fit_gives_no_prompt() -> None:
    assert builder(5).first(double()) is None
    assert builder(5).repair(double(), "x", "Wrong.") is None


@given(
    statement=st.text(min_size=1, max_size=80),
    program=st.text(max_size=200),
    feedback=st.text(max_size=120),
    budget=st.integers(min_value=0, max_value=400),
    shots=st.integers(min_value=0, max_value=3),
    continues=st.booleans(),
    chat=st.booleans(),
)
def test_every_prompt_keeps_the_whole_statement_and_the_budget(
    statement: str, program: str, feedback: str, budget: int, shots: int, continues: bool, chat: bool
) -> None:
    problem = double(statement=statement)
    if continues:
        problem = double(statement=statement, starter_code=f"# {statement}\n", benchmark="humaneval")
    examples = [double(id=f"e{i}", benchmark=problem.benchmark) for i in range(shots)]
    style = ChatStyle(TemplateLibrary(), rendered, "Be right.") if chat else None
    prompts = PromptBuilder(len, 3 * budget, examples, style)
    for prompt in (prompts.first(problem), prompts.repair(problem, program, feedback)):
        if prompt is not None:
            assert statement in prompt
            assert len(prompt) <= 3 * budget


@given(st.text(alphabet="ab:\n \t", max_size=40), st.booleans(), st.booleans())
def test_the_target_of_a_program_is_the_completion_that_gives_it_back(
    body: str, continues: bool, chat: bool
) -> None:
    problem = increment() if continues else double()
    prompts = builder(style=ChatStyle(TemplateLibrary(), rendered) if chat else None)
    program = prompts.program(problem, body)
    assert prompts.program(problem, prompts.target(problem, program)) == program


def test_the_target_of_humanevals_reference_is_its_canonical_solution() -> None:
    assert builder().target(increment(), increment().references[0]) == "    return x + 1"
