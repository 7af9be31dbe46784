"""Detection of training problems that resemble measured ones."""

from __future__ import annotations

from support.own_problems import make_problem

from rayboot.curation import contaminated
from rayboot.problems import Problem


def problem(id: str, statement: str) -> Problem:
    return make_problem(1).model_copy(update={"id": id, "statement": statement})


MEASURED = problem("test", "Write a function to find the first repeated character in a given string.")


def is_contaminated(statement: str, words: int) -> bool:
    return contaminated([problem("train", statement)], [MEASURED], words) == {"train"}


def test_a_shared_n_gram_is_contamination_and_a_shorter_one_is_not() -> None:
    statement = "In any text, find the first repeated character."
    assert is_contaminated(statement, 5)
    assert not is_contaminated(statement, 6)


def test_case_and_punctuation_are_ignored() -> None:
    assert is_contaminated("FIND the first... repeated Character?", 5)


def test_a_statement_shorter_than_the_n_gram_counts_as_a_whole() -> None:
    assert is_contaminated(MEASURED.statement, 100)
    assert not is_contaminated("find the first repeated character", 100)


def test_statements_without_words_are_not_contaminated() -> None:
    training, measured = (
        [problem(f"{prefix}/{n}", text) for n, text in enumerate(["", "..."])] for prefix in ("a", "b")
    )
    assert contaminated(training, measured, 13) == frozenset()
