"""The rollout stream: problems are sampled, verified and repaired, and all attempts are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.own_attempts import own_attempt
from support.own_problems import RIGHT, WRONG, make_problem

from rayboot.attempts import attempts_table
from rayboot.rollout import finished_problems
from rayboot.storage import Storage


def test_attempts_are_verified_repaired_and_written_with_their_parents(stream) -> None:
    problems = [make_problem(number) for number in (2, 3, 4)]
    streamed = stream(
        problems,
        {
            "train/own/2/0": [RIGHT.format(n=2)],
            "train/own/3/0": [WRONG.format(n=3)],
            "train/own/3/1": [RIGHT.format(n=3)],
            "train/own/4/0": ["def f(x) return x"],
            "train/own/4/1": [WRONG.format(n=4)],
        },
    )
    seen = [(a.attempt_id, a.parent_id, a.status) for a in streamed.attempts]
    assert seen == [
        ("train/own/2/0/0", None, "passed"),
        ("train/own/3/0/0", None, "failed"),
        ("train/own/3/0/1", "train/own/3/0/0", "passed"),
        ("train/own/4/0/0", None, "syntax_error"),
        ("train/own/4/0/1", "train/own/4/0/0", "failed"),
    ]
    assert streamed.progress[-1] == (3, 3)


def test_a_repair_prompt_has_the_wrong_program_and_the_feedback_of_the_public_test(stream) -> None:
    streamed = stream([make_problem(3)], {"train/own/3/0": [WRONG.format(n=3)], "train/own/3/1": ["pass"]})
    first, repair = streamed.attempts
    assert (first.verdict.call, first.verdict.got, first.verdict.expected) == ("f(2)", "-1", "6")
    assert repair.prompt.startswith(first.prompt)
    assert WRONG.format(n=3) in repair.prompt
    assert "f(2) returned -1, expected 6." in repair.prompt


def test_no_prompt_has_values_of_a_hidden_test(stream) -> None:
    only_public = "def f(x):\n    return 6"
    streamed = stream([make_problem(3)], {"train/own/3/0": [only_public], "train/own/3/1": [only_public]})
    assert [a.verdict.failing_test for a in streamed.attempts] == [1, 1]
    assert not any("f(3)" in a.prompt or "9" in a.prompt for a in streamed.attempts)
    assert "The code above is wrong. Please fix it." in streamed.attempts[1].prompt


def test_simple_feedback_says_only_that_the_program_is_wrong(stream) -> None:
    answers = {"train/own/3/0": [WRONG.format(n=3)], "train/own/3/1": [RIGHT.format(n=3)]}
    streamed = stream([make_problem(3)], answers, feedback="simple")
    assert "The code above is wrong. Please fix it." in streamed.attempts[1].prompt
    assert "expected" not in streamed.attempts[1].prompt


def test_repairs_are_repaired_for_as_many_rounds_as_asked(stream) -> None:
    answers = {
        "train/own/3/0": [WRONG.format(n=1)],
        "train/own/3/1": [WRONG.format(n=2)],
        "train/own/3/2": [RIGHT.format(n=3)],
        "train/own/3/3": ["not reached"],
    }
    streamed = stream([make_problem(3)], answers, repair_rounds=3)
    assert [(a.round, a.status) for a in streamed.attempts] == [(0, "failed"), (1, "failed"), (2, "passed")]
    assert WRONG.format(n=2) in streamed.attempts[2].prompt
    assert WRONG.format(n=1) not in streamed.attempts[2].prompt


def test_every_sample_has_its_own_chain_and_seed(stream) -> None:
    answers = {
        "train/own/3/0": [RIGHT.format(n=3), WRONG.format(n=1), WRONG.format(n=2)],
        "train/own/3/1": [RIGHT.format(n=3)],
    }
    streamed = stream([make_problem(3)], answers, samples=3)
    assert [(a.sample, a.round) for a in streamed.attempts] == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert len({a.seed for a in streamed.attempts}) == 5


def test_a_statement_that_does_not_fit_is_skipped_and_counted(stream) -> None:
    long = make_problem(3).model_copy(update={"statement": "word " * 500})
    streamed = stream([long, make_problem(2)], {"train/own/2/0": [RIGHT.format(n=2)]})
    assert [(a.problem_id, a.status) for a in streamed.attempts] == [
        ("own/2", "passed"),
        ("own/3", "skipped"),
    ]


def test_finished_problems_are_not_repeated(stream, tmp_path: Path) -> None:
    problems = [make_problem(number) for number in range(2, 40)]
    answers = {f"train/{p.id}/0": [p.references[0]] for p in problems}
    stream(problems[:20], answers)
    before = {path: path.read_bytes() for path in (tmp_path / "rollout").glob("*.parquet")}
    streamed = stream(
        problems, {tag: answers[tag] for tag in list(answers)[20:]}
    )  # no answers for the first 20
    assert len(streamed.attempts) == len(problems)
    assert streamed.progress[-1] == (38, 38)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_truncated_file_is_removed_and_its_problems_are_repeated(stream, tmp_path: Path) -> None:
    problems = [make_problem(number) for number in range(2, 40)]
    answers = {f"train/{p.id}/0": [p.references[0]] for p in problems}
    stream(problems[:20], answers)
    streamed = stream(problems, answers)
    cut = sorted((tmp_path / "rollout").glob("*.parquet"))[0]
    cut.write_bytes(cut.read_bytes()[:-50])
    kept = finished_problems(streamed.storage, "rollout")
    assert 0 < len(kept) < len(problems)
    assert not cut.exists()
    assert len(stream(problems, answers).attempts) == len(problems)


def test_a_file_that_cannot_be_read_now_is_kept_and_the_error_raised(tmp_path: Path) -> None:
    class FailingNetwork:
        """A filesystem that lists its files, and cannot open them."""

        def __init__(self, fs: Any) -> None:
            self._fs = fs

        def __getattr__(self, name: str) -> Any:
            return getattr(self._fs, name)

        def open_input_file(self, path: str) -> Any:
            raise OSError(f"{path}: connection reset")

    storage = Storage(str(tmp_path))
    pq.write_table(attempts_table([own_attempt(3, 1, "passed")]), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 of which no more was written")
    network, storage.fs = storage.fs, FailingNetwork(storage.fs)
    with pytest.raises(OSError, match="connection reset"):
        finished_problems(storage, "")
    assert len(list(tmp_path.iterdir())) == 2
    storage.fs = network
    assert finished_problems(storage, "") == {("train", "own/3")}
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
