"""MBXP and multilingual HumanEval: rows as problems, and references in the sandbox."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from rayboot.errors import UserError
from rayboot.problems import AssertTest, Problem, ScriptTest, load_problems
from rayboot.sandbox.inside.languages import LANGUAGES, missing
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits

DATA = Path(__file__).parents[2].parent / "shared" / "data"
MBXP = DATA / "mbxp"
HUMANEVAL = DATA / "multilingual_humaneval"
needs_mbxp = pytest.mark.skipif(not MBXP.is_dir(), reason="MBXP's files are missing")
needs_humaneval = pytest.mark.skipif(not HUMANEVAL.is_dir(), reason="its files are missing")

WRONG_REFERENCES = {
    "mbpp_release_v1": {
        64: "the reference is indented wrongly",
        160: "the test expects 'No candidate' for 'No solution'",
        341: "the order of a set, which other versions of Python keep otherwise",
        367: "the test uses a name that nothing defines",
        596: "the size of a tuple in memory, which differs by version",
        601: "as 367",
        607: "the reference overwrites its arguments",
        631: "as 607",
        642: "as 341",
        927: "as 367",
        966: "as 64",
    },
    "mbjsp_release_v1.2": {
        **dict.fromkeys((174, 653, 679), "the keys of the test's objects have quotes in them"),
        **dict.fromkeys((585, 795, 939), "as 174"),
        237: "the keys of the result are spelled otherwise",
        844: "the reference draws at random",
    },
    "mbjp_release_v1.2": {
        **dict.fromkeys((106, 325, 553, 579, 871), "the reference calls System.exit(0), which is no pass"),
        835: "the reference reads a file that is not there, and calls System.exit(0)",
        **dict.fromkeys((180, 397, 432, 622, 904), "the reference does not compile"),
    },
}
"""Tasks whose own reference fails the test, and why. Python's fail in plain Python 3.11 too."""

PYTHON = {
    "task_id": "MBPP/11",
    "language": "python",
    "prompt": '\n\ndef double(x):\n  """\n  Write a function to double a number.\n  >>> double(1)\n  2\n'
    '  >>> double(5)\n  about 10\n  """\n',
    "description": "Write a function\n  to double a number. ",
    "entry_point": "double",
    "canonical_solution": "  return 2 * x",
    "test": "\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate(1)==2\n    assert candidate(5)==10\n\n",
}
PERL = PYTHON | {
    "task_id": "MBPLP/601",
    "language": "perl",
    "prompt": "sub double\n{\n  my ($x) = @_;\n",
    "canonical_solution": None,
    "test": "\n\nunless(double(1) == 2) {\n    die;\n}\n",
}
CHECK = PYTHON | {
    "entry_point": "check",
    "prompt": "def check(n):\n",
    "canonical_solution": "    return n > 0",
    "test": "def check(candidate):\n    assert candidate(1) == True\n    assert candidate(-1) == False\n",
}


def load(tmp_path: Path, *rows: dict[str, object]) -> list[Problem]:
    path = tmp_path / "mbxp.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_problems(f"mbxp:{path}")


def failures(problems: list[Problem]) -> set[str]:
    jobs = [Job.of(problem, problem.references[0]) for problem in problems]
    with Sandbox(workers=2, limits=Limits(timeout=60.0)) as sandbox:
        verdicts = sandbox.run_many(jobs)
    return {problem.id for problem, verdict in zip(problems, verdicts, strict=True) if not verdict.passed}


def test_a_python_row_becomes_a_problem_with_its_asserted_examples_public(tmp_path: Path) -> None:
    assert load(tmp_path, PYTHON) == [
        Problem(
            id="MBPP/11",
            benchmark="mbxp",
            split="test",
            statement="Write a function\nto double a number.",
            starter_code=str(PYTHON["prompt"]),
            entry_point="double",
            tests=(
                AssertTest(code="assert double(1) == 2", public=True),
                AssertTest(code=f"{str(PYTHON['test']).strip()}\n\ncheck(double)"),
            ),
            references=(f"{PYTHON['prompt']}  return 2 * x",),
        )
    ]


def test_a_row_of_another_language_has_its_test_file_as_one_hidden_test(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, PERL)
    assert problem.tests == (ScriptTest(code=str(PERL["test"])),)
    assert (problem.language, problem.split, problem.references) == ("perl", "train", ())


@pytest.mark.parametrize(
    ("task_id", "benchmark", "split"),
    [
        ("MBJP/10", "mbxp", "prompt"),
        ("MBJP/510", "mbxp", "test"),
        ("MBJP/511", "mbxp", "validation"),
        ("MBJP/974", "mbxp", "train"),
        ("HumanEval_java/10", "multilingual_humaneval", ""),
    ],
)
def test_mbxp_has_mbpps_splits_and_humaneval_none(
    tmp_path: Path, task_id: str, benchmark: str, split: str
) -> None:
    (problem,) = load(tmp_path, PERL | {"task_id": task_id})
    assert (problem.benchmark, problem.split) == (benchmark, split)


def test_the_message_for_an_unknown_language_lists_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 1: language: Input should be 'python', 'javascript'"):
        load(tmp_path, PERL | {"language": "scala"})


def test_a_program_whose_function_is_called_check_is_judged_like_any_other(tmp_path: Path) -> None:
    wrong = CHECK | {"task_id": "MBPP/12", "canonical_solution": "    return n > 1"}
    assert failures(load(tmp_path, CHECK, wrong)) == {"MBPP/12"}


@needs_mbxp
@pytest.mark.parametrize(
    ("name", "language", "rows", "references"),
    [
        ("mbpp_release_v1", "python", 974, 974),
        ("mbjsp_release_v1.2", "javascript", 966, 938),
        ("mbjp_release_v1.2", "java", 966, 874),
        ("mbplp_release_v1", "perl", 966, 0),
        ("mbgp_release_v1.1", "go", 939, 0),
        ("mbswp_release_v1", "swift", 966, 0),
    ],
)
def test_mbxps_files_load(name: str, language: str, rows: int, references: int) -> None:
    problems = load_problems(f"mbxp:{MBXP / name}.jsonl")
    assert Counter(problem.language for problem in problems) == {language: rows}
    assert sum(len(problem.references) for problem in problems) == references
    for problem in problems:
        assert len(problem.statement) > 20
        assert problem.entry_point in problem.starter_code
        assert problem.split


@needs_humaneval
@pytest.mark.parametrize(
    ("name", "language", "rows"),
    [
        ("HumanEval_javascript_v1.1", "javascript", 161),
        ("HumanEval_java_v1.1", "java", 161),
        ("HumanEval_perl_v1.1", "perl", 161),
        ("HumanEval_go_v1", "go", 160),
        ("HumanEval_swift_v1.1", "swift", 161),
    ],
)
def test_multilingual_humanevals_files_load(name: str, language: str, rows: int) -> None:
    problems = load_problems(f"mbxp:{HUMANEVAL / name}.jsonl")
    assert Counter(problem.language for problem in problems) == {language: rows}
    empty = [problem.id for problem in problems if len(problem.statement) < 20]
    assert empty == (["HumanEval_go/142"] if language == "go" else [])


@needs_humaneval
def test_all_python_references_of_multilingual_humaneval_pass() -> None:
    problems = load_problems(f"mbxp:{HUMANEVAL / 'HumanEval'}.jsonl")
    assert len(problems) == 164
    assert not failures(problems)


HELPED = PYTHON | {
    "task_id": "HumanEval/32",
    "prompt": "import math\n\n\ndef poly(xs, x):\n    return sum(c * math.pow(x, i) for i, c in enumerate(xs))\n\n\n"
    'def double(xs):\n  """ Find x such that poly(x) = 0. """\n',
    "description": None,
    "canonical_solution": "  return -xs[0] / xs[1]",
    "test": "\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert abs(poly([1, 2], candidate([1, 2]))) < 1e-4\n",
}


def test_a_programs_versions_of_the_prompts_functions_do_not_affect_the_test(tmp_path: Path) -> None:
    path = tmp_path / "HumanEval.jsonl"
    path.write_text(json.dumps(HELPED) + "\n")
    [problem] = load_problems(f"mbxp:{path}")
    wrong = f"{problem.starter_code}  return 7\n\n\ndef poly(xs, x):\n    return 0\n"
    with Sandbox(limits=Limits(timeout=60.0)) as sandbox:
        verdicts = sandbox.run_many([Job.of(problem, program) for program in (problem.references[0], wrong)])
    assert [verdict.status for verdict in verdicts] == ["passed", "failed"]


@needs_mbxp
@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", WRONG_REFERENCES)
def test_references_pass_except_for_those_that_are_wrong(name: str, step: int) -> None:
    """Runs every twentieth reference, or all, and those that are known to be wrong."""
    problems = [problem for problem in load_problems(f"mbxp:{MBXP / name}.jsonl") if problem.references]
    language = problems[0].language
    if language in LANGUAGES and missing(LANGUAGES[language]):
        pytest.skip(f"no toolchain for {language}")
    wrong = {problem.id for problem in problems if int(problem.id.split("/")[1]) in WRONG_REFERENCES[name]}
    selected = [problem for index, problem in enumerate(problems) if index % step == 0 or problem.id in wrong]
    assert failures(selected) == wrong


def test_a_javascript_reference_has_its_parameters_as_the_solution_spells_them(tmp_path: Path) -> None:
    row = {
        **PERL,
        "language": "javascript",
        "prompt": "/** A task. */\nfunction count(testlist, ch, n) {\n",
        "canonical_solution": "  return testList.indexOf(char) + n;\n}",
    }
    (problem,) = load(tmp_path, row)
    assert problem.references == (
        "/** A task. */\nfunction count(testList, char, n) {\n  return testList.indexOf(char) + n;\n}",
    )
    assert problem.starter_code == row["prompt"]
