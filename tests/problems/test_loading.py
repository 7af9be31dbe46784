"""Load problems by SPEC, with the benchmarks' real files if they are available."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from rayboot.problems import AssertTest, Problem, StdioTest, find_overlaps, load_problems

DATA = Path(__file__).parents[2].parent / "shared" / "data"
MBPP = DATA / "mbpp" / "mbpp.jsonl"
HUMANEVAL = DATA / "humaneval" / "HumanEval.jsonl.gz"
needs_mbpp = pytest.mark.skipif(not MBPP.exists(), reason="MBPP's file is missing")
needs_humaneval = pytest.mark.skipif(not HUMANEVAL.exists(), reason="HumanEval's file is missing")


def mbpp_row(task_id: int, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "task_id": task_id,
        "text": "Write a function to double a number.",
        "code": "def double(x):\r\n\treturn 2 * x\r",
        "test_setup_code": "",
        "test_list": ["assert set([double(2)]) == {4}", "assert double(3) == 6"],
        "challenge_test_list": ["assert double(9) == 18"],
    }
    return row | changes


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_an_mbpp_row_becomes_a_problem(tmp_path: Path) -> None:
    path = write(tmp_path / "mbpp.jsonl", mbpp_row(11, test_setup_code="n = 1\r\n"))
    assert load_problems(f"mbpp:{path}") == [
        Problem(
            id="MBPP/11",
            benchmark="mbpp",
            split="test",
            statement="Write a function to double a number.",
            entry_point="double",
            tests=(
                AssertTest(code="assert set([double(2)]) == {4}", public=True),
                AssertTest(code="assert double(3) == 6"),
            ),
            setup_code="n = 1\n",
            references=("def double(x):\n\treturn 2 * x\n",),
        )
    ]


@pytest.mark.parametrize(
    ("task_id", "split"),
    [
        (1, "prompt"),
        (10, "prompt"),
        (11, "test"),
        (510, "test"),
        (511, "validation"),
        (600, "validation"),
        (601, "train"),
        (974, "train"),
    ],
)
def test_mbpps_splits_go_by_id(tmp_path: Path, task_id: int, split: str) -> None:
    path = write(tmp_path / "mbpp.jsonl", mbpp_row(task_id))
    assert [problem.split for problem in load_problems(f"mbpp:{path}/{split}")] == [split]


def test_a_gzipped_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    plain = write(tmp_path / "mbpp.jsonl", mbpp_row(1), mbpp_row(2))
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert load_problems(f"mbpp:{packed}") == load_problems(f"mbpp:{plain}")


def test_a_file_named_like_a_split_is_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "train", mbpp_row(1), mbpp_row(601))
    assert len(load_problems(f"mbpp:{path}")) == 2
    assert [problem.id for problem in load_problems(f"mbpp:{path}/train")] == ["MBPP/601"]


def test_a_users_own_problems_are_read_as_documented(tmp_path: Path) -> None:
    row = {
        "id": "mine/1",
        "benchmark": "mine",
        "split": "dev",
        "statement": "Double the number.",
        "tests": [
            {"kind": "stdio", "stdin": "3", "stdout": "6"},
            {"kind": "stdio", "stdin": "2", "stdout": "4", "public": True},
        ],
    }
    (problem,) = load_problems(f"jsonl:{write(tmp_path / 'mine.jsonl', row)}/dev")
    assert problem.public_tests == (StdioTest(stdin="2", stdout="4", public=True),)
    assert problem.tests[1] == StdioTest(stdin="3", stdout="6")


def test_a_dumped_problem_is_a_row_of_a_jsonl_file(tmp_path: Path) -> None:
    problems = load_problems("quickstart")
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(problem.model_dump_json() for problem in problems))
    assert load_problems(f"jsonl:{path}") == problems


def test_the_packaged_problems_have_three_splits_that_share_nothing() -> None:
    train, validation, test = (
        load_problems(f"quickstart/{split}") for split in ("train", "validation", "test")
    )
    assert len(train) + len(validation) + len(test) == len(load_problems("quickstart"))
    assert (
        find_overlaps(train, test)
        == find_overlaps(train, validation)
        == find_overlaps(validation, test)
        == []
    )


@needs_mbpp
def test_mbpp_has_974_problems_in_four_splits() -> None:
    problems = load_problems(f"mbpp:{MBPP}")
    assert Counter(problem.split for problem in problems) == {
        "train": 374,
        "validation": 90,
        "prompt": 10,
        "test": 500,
    }
    for problem in problems:
        assert f"def {problem.entry_point}" in problem.references[0]
        assert [test.public for test in problem.tests[:2]] == [True, False]
        compile(problem.references[0], problem.id, "exec")
    assert [problem.id for problem in problems if problem.setup_code] == ["MBPP/367", "MBPP/927"]


@needs_mbpp
def test_mbpp_itself_has_one_problem_in_both_train_and_test() -> None:
    (overlap,) = find_overlaps(load_problems(f"mbpp:{MBPP}/train"), load_problems(f"mbpp:{MBPP}/test"))
    assert (overlap.train_id, overlap.test_id) == ("MBPP/704", "MBPP/248")


@needs_humaneval
def test_humaneval_has_164_problems_whose_references_pass_every_test() -> None:
    problems = load_problems(f"humaneval:{HUMANEVAL}")
    assert len(problems) == 164
    assert sum(len(problem.public_tests) for problem in problems) == 215
    for problem in problems:
        assert problem.references[0].startswith(problem.starter_code)
        namespace: dict[str, object] = {}
        exec(problem.references[0], namespace)
        for test in problem.tests:
            assert isinstance(test, AssertTest)
            exec(test.code, namespace)


def test_humanevals_examples_are_public_only_where_the_official_test_asserts_them_too(tmp_path: Path) -> None:
    row = {
        "task_id": "HumanEval/0",
        "prompt": 'def double(x):\n    """Twice.\n    >>> double(1)\n    2\n    double(2) ➞ 4\n    double(3) == 5\n'
        '    >>> double(7)\n    14\n    >>> double(8)\n    about 16\n    """\n',
        "entry_point": "double",
        "canonical_solution": "    return 2 * x\n",
        "test": "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate( 2 ) == 4, 'two'\n"
        "    assert candidate(3) == 6\n    assert candidate(8) == 16\n",
    }
    (problem,) = load_problems(f"humaneval:{write(tmp_path / 'humaneval.jsonl', row)}")
    *public, hidden = problem.tests
    assert public == [
        AssertTest(code="assert double(1) == 2", public=True),
        AssertTest(code="assert double(2) == 4", public=True),
    ]
    assert hidden == AssertTest(code=f"{str(row['test']).strip()}\n\ncheck(double)")
    assert problem.statement.startswith("Twice.\n>>> double(1)\n2\n")
    assert problem.references == (f"{row['prompt']}{row['canonical_solution']}",)
