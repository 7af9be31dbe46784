"""Which training problems are too much like those that are measured."""

from __future__ import annotations

from support.own_problems import make_problem

from rayboot.curation import contaminated
from rayboot.problems import Problem


def stating(id: str, statement: str) -> Problem:
    return make_problem(1).model_copy(update={"id": id, "statement": statement})


MEASURED = stating("test", "Write a function to find the first repeated character in a given string.")


def of(statement: str, words: int) -> bool:
    return contaminated([stating("train", statement)], [MEASURED], words) == {"train"}


def test_so_many_words_in_a_row_are_contamination_and_fewer_are_not() -> None:
    statement = "In any text, find the first repeated character."
    assert of(statement, 5)
    assert not of(statement, 6)


def test_case_and_punctuation_do_not_tell_words_apart() -> None:
    assert of("FIND the first... repeated Character?", 5)


def test_a_statement_shorter_than_the_n_gram_counts_as_a_whole() -> None:
    assert of(MEASURED.statement, 100)
    assert not of("find the first repeated character", 100)


def test_statements_without_words_are_like_no_other() -> None:
    training, measured = (
        [stating(f"{of}/{n}", text) for n, text in enumerate(["", "..."])] for of in ("a", "b")
    )
    assert contaminated(training, measured, 13) == frozenset()
