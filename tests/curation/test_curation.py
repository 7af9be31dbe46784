"""Which attempts become training examples: Dr. Boot's rules, and options of curation."""

from __future__ import annotations

from typing import Any

import pytest
from support.own_attempts import own_attempt

from rayboot.attempts import Attempt
from rayboot.config import CurationConfig
from rayboot.curation import CuratedProblem, TrainingExample, curate_problem, normalised, reference_example
from rayboot.problems import AssertTest, Problem
from rayboot.problems.types import Language
from rayboot.prompts import PromptBuilder

PROBLEM = Problem(
    id="own/1",
    benchmark="own",
    statement="Write a function to double a number.",
    entry_point="double",
    tests=(AssertTest(code="assert double(2) == 4", public=True),),
    references=("def double(x):\n    return 2 * x",),
)
PROMPTS = PromptBuilder(lambda text: len(text.split()), max_tokens=500)
FIRST = PROMPTS.first(PROBLEM)
REPAIR = PROMPTS.repair(PROBLEM, "def double(x):\n    return x", "wrong")


def attempt(
    status: str, round: int = 0, program: str = "def double(x): return x + x", **changes: Any
) -> Attempt:
    fields = {"prompt": FIRST if round == 0 else REPAIR, "program": program, "completion": program, **changes}
    return own_attempt(1, fields.pop("iteration", 2), status, round, fields.pop("sample", 0), **fields)


def curate(*attempts: Attempt, **options: object) -> list[TrainingExample]:
    return curated(*attempts, **options).examples


def curated(*attempts: Attempt, **options: object) -> CuratedProblem:
    return curate_problem(PROBLEM, attempts, 2, CurationConfig.model_validate(options), PROMPTS)


def kinds(examples: list[TrainingExample]) -> list[tuple[str, str]]:
    names = {FIRST: "first", REPAIR: "repair"}
    return [(example.kind, names[example.prompt]) for example in examples]


def test_a_passing_solution_is_learned_on_the_first_prompt() -> None:
    examples = curate(attempt("passed"))
    assert kinds(examples) == [("solution", "first")]
    assert examples[0].completion == "def double(x): return x + x"


def test_what_another_model_wrote_is_learned_on_the_policys_first_prompt() -> None:
    teacher = {"author": "teacher", "prompt": "<|user|>Double a number."}
    assert kinds(curate(attempt("passed", **teacher))) == [("solution", "first")]
    failed, repaired = attempt("failed", **teacher), attempt("passed", round=1, **teacher)
    assert kinds(curate(failed, repaired)) == [("repair_on_first_prompt", "first")]
    assert kinds(curate(failed)) == [("reference", "first")]
    chatting = attempt("passed", completion="Sure: ```...```", finish_reason="stop", **teacher)
    assert curate(chatting, learn="answer")[0].completion == "def double(x): return x + x"


@pytest.mark.parametrize(("finish_reason", "whole"), [("stop", True), ("length", False)])
def test_an_answer_is_learned_as_it_was_written_unless_it_was_cut_off(
    finish_reason: str, whole: bool
) -> None:
    program = "def double(x): return x + x"
    answer = f"Doubling is adding.\n```python\n{program}\n```\nDone."
    written = attempt("passed", completion=answer, finish_reason=finish_reason)
    [example] = curate(written, learn="answer")
    assert example.completion == (answer if whole else program)
    assert curate(written)[0].completion == program


def test_a_passing_repair_is_learned_on_the_repair_prompt() -> None:
    assert kinds(curate(attempt("failed"), attempt("passed", 1))) == [("repair", "repair")]


def test_a_passing_repair_is_learned_on_the_first_prompt_too_with_reinforce_first_prompt() -> None:
    examples = curate(attempt("failed"), attempt("passed", 1), reinforce_first_prompt=True)
    assert kinds(examples) == [("repair", "repair"), ("repair_on_first_prompt", "first")]


def test_the_reference_of_an_unsolved_problem_is_learned_on_the_last_prompt() -> None:
    examples = curate(attempt("failed"), attempt("error", 1))
    assert kinds(examples) == [("reference", "repair")]
    assert examples[0].completion == PROBLEM.references[0]


def test_without_repair_the_reference_is_learned_on_the_first_prompt() -> None:
    assert kinds(curate(attempt("failed"))) == [("reference", "first")]


def test_without_reference_fallback_no_reference_is_learned() -> None:
    assert curate(attempt("failed"), reference_fallback=False) == []


def test_a_problem_whose_prompt_did_not_fit_gives_no_example() -> None:
    assert curate(attempt("skipped", prompt="")) == []


def test_the_reference_is_learned_on_the_first_prompt_if_the_repair_prompt_did_not_fit() -> None:
    assert kinds(curate(attempt("failed"), attempt("skipped", 1, prompt=""))) == [("reference", "first")]


def test_the_reference_is_not_learned_if_one_sample_passed() -> None:
    assert kinds(curate(attempt("failed"), attempt("passed", sample=1))) == [("solution", "first")]


def test_the_same_program_on_the_same_prompt_is_learned_once() -> None:
    reworded = "def double(x):   # twice\n    return x+x\n"
    same = "def double(x):\n    return x + x"
    examples = curate(
        attempt("passed", program=same),
        attempt("passed", program=reworded, sample=1),
        attempt("passed", program="def double(x):\n    return x * 2", sample=2),
    )
    assert [example.sample for example in examples] == [0, 2]


def test_replayed_programs_come_after_fresh_ones_and_do_not_replace_the_reference() -> None:
    old = attempt("passed", program="def double(x): return sum([x, x])", iteration=1)
    assert kinds(curate(old, attempt("failed"), replay={})) == [("reference", "first"), ("solution", "first")]
    assert [example.iteration for example in curate(old, attempt("passed"), replay={})] == [2, 1]


def test_without_replay_earlier_programs_are_not_learned() -> None:
    assert curate(attempt("passed", iteration=1), attempt("failed"), reference_fallback=False) == []


def test_a_program_is_replayed_once_even_if_it_has_different_prompts() -> None:
    first = attempt("passed", iteration=0)
    reworded = attempt("passed", 1, program="def double(x): return x+x  # twice\n", iteration=1)
    [example] = curate(first, reworded, replay={}, reference_fallback=False)
    assert (example.iteration, example.kind) == (1, "repair")
    assert curated(first, reworded, replay={}).dropped["replay_duplicate"] == 1


def test_a_program_that_this_iteration_generated_is_not_replayed() -> None:
    old = attempt("passed", 1, iteration=1)
    examples, dropped = curated(old, attempt("passed"), replay={})
    assert kinds(examples) == [("solution", "first")]
    assert dropped["replay_duplicate"] == 1


def test_rollouts_of_two_models_in_one_iteration_do_not_hide_each_other_in_the_replay() -> None:
    teacher = attempt("passed", 1, "def double(x): return 2 * x", iteration=1, author="teacher")
    policy = attempt("passed", 1, iteration=1)
    examples, dropped = curated(teacher, policy, attempt("passed"), replay={})
    assert [(example.kind, example.iteration) for example in examples] == [
        ("solution", 2),
        ("repair_on_first_prompt", 1),
    ]
    assert dropped["replay_duplicate"] == 1


def test_the_newest_earlier_programs_of_a_problem_are_replayed_up_to_the_cap() -> None:
    old = [attempt("passed", program=f"def double(x): return {i} + x * 2 - {i}", iteration=i) for i in (0, 1)]
    examples, dropped = curated(*old, attempt("passed"), replay={"max_per_problem": 1})
    assert [example.iteration for example in examples] == [2, 1]
    assert dropped["replay_max_per_problem"] == 1


def test_both_examples_of_a_reinforced_repair_are_replayed() -> None:
    old = attempt("passed", 1, iteration=1)
    examples = curate(
        old, attempt("failed"), replay={}, reinforce_first_prompt=True, reference_fallback=False
    )
    assert kinds(examples) == [("repair", "repair"), ("repair_on_first_prompt", "first")]


def test_dropped_examples_are_counted_by_reason() -> None:
    same = [attempt("passed", sample=sample) for sample in range(3)]
    other = attempt("passed", program="def double(x):\n    return x * 2", sample=3)
    examples, dropped = curated(*same, other, max_per_problem=1)
    assert len(examples) == 1
    assert +dropped == {"duplicate": 2, "max_per_problem": 1}


def test_failing_attempts_are_never_learned() -> None:
    for status in ("failed", "error", "syntax_error", "timeout", "memory_limit", "crashed", "sandbox_error"):
        assert all(example.kind == "reference" for example in curate(attempt(status)))


@pytest.mark.parametrize("cap", [1, 2])
def test_the_newest_examples_are_kept_when_a_problem_has_too_many(cap: int) -> None:
    old = [
        attempt("passed", program=f"def double(x): return x * 2 + {i} - {i}", sample=i, iteration=1)
        for i in range(3)
    ]
    examples = curate(*old, attempt("passed"), max_per_problem=cap, replay={})
    assert len(examples) == cap
    assert examples[0].iteration == 2


def test_programs_that_differ_in_layout_and_comments_are_equal_and_others_are_not() -> None:
    assert normalised("x = 1  # one", "python") == normalised("x=1", "python")
    assert normalised("if a:\n    b()\n\n", "python") == normalised("if a:\n    b()", "python")
    assert normalised("if a:\n    b()\nc()", "python") != normalised("if a:\n    b()\n    c()", "python")
    assert normalised("print('a  b') (((", "python") != normalised("print('a b') (((", "python")


COMMENTED = {
    "javascript": ("// one\nf = x => {\n  return x; }\n\n", "f = x => {\nreturn x; }"),
    "perl": ("# one\nmy $n = $#{$x};\n\n  # two\n  print $n;", "my $n = $#{$x};\nprint $n;"),
    "java": ("/* one\n two */\n\n  int x = 1; // three", "int x = 1;"),
    "go": ("// one\nfunc f() int {\n\treturn 1 /* two */\n}", "func f() int {\nreturn 1\n}"),
    "swift": ("func f() -> Int { 1 } // one\n", "func f() -> Int { 1 }"),
}


@pytest.mark.parametrize("language", COMMENTED)
def test_comments_and_layout_are_removed_in_every_language(language: Language) -> None:
    commented, plain = COMMENTED[language]
    assert normalised(commented, language) == normalised(plain, language)


DIFFERENT = [
    ("perl", "print $#{$x};", "print $#{$y};"),
    ("perl", "$s =~ s#a#b#;", "$s =~ s#a#c#;"),
    ("perl", "print <<X;\n# a\nX\n", "print <<X;\n# b\nX\n"),
    ("perl", "print <<X . 'y';\n# a\nX\n", "print <<X . 'y';\n# b\nX\n"),
    ("perl", "@w = qw(\n# a\n);", "@w = qw(\n# b\n);"),
    ("perl", "print 'a\n# b\n';", "print 'a\n# c\n';"),
    ("perl", "print <DATA>;\n__END__\n# a", "print <DATA>;\n__END__\n# b"),
    ("perl", "print 'a  b';", "print 'a b';"),
    ("javascript", "r = /[/]/; s = '//a'", "r = /[/]/; s = '//b'"),
    ("javascript", "f(1) / 2 / g('// a')", "f(1) / 2 / g('// b')"),
    ("javascript", "t = `\n// a\n`", "t = `\n// b\n`"),
    ("javascript", "return\nx", "return x"),
    ("javascript", "s = '# a'", "s = '# b'"),
    ("go", "s := `\n  // a`", "s := `\n // a`"),
    ("go", 's := "// a"', 's := "// b"'),
    ("java", 'String s = "// a";', 'String s = "// b";'),
    ("java", 'String s = """\n  a""";', 'String s = """\n a""";'),
    ("java", "int x = a/b;", "int x = a/c;"),
]


@pytest.mark.parametrize(("language", "first", "second"), DIFFERENT)
def test_code_that_resembles_a_comment_or_layout_is_not_removed(
    language: Language, first: str, second: str
) -> None:
    assert normalised(first, language) != normalised(second, language)


def test_verified_perl_programs_that_differ_after_a_number_sign_are_both_learned() -> None:
    perl = PROBLEM.model_copy(update={"language": "perl"})
    programs = [f"sub f {{ my @x = @_; return $#{{[@x]}} {sign} 1; }}" for sign in "+-"]
    solved = [attempt("passed", program=program, sample=number) for number, program in enumerate(programs)]
    curated = curate_problem(perl, solved, 2, CurationConfig(), PROMPTS)
    assert len(curated.examples) == 2


def test_a_reference_example_pairs_the_first_prompt_with_the_reference() -> None:
    example = reference_example(PROBLEM, 0, PROMPTS)
    assert example is not None
    assert (example.prompt, example.completion) == (FIRST, PROBLEM.references[0])
    assert reference_example(PROBLEM.model_copy(update={"references": ()}), 0, PROMPTS) is None
