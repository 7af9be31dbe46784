"""Handwritten solutions to problems of multilingual HumanEval: right ones pass, the same with one mistake do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayboot.problems import Problem, load_problems
from rayboot.sandbox.inside.languages import LANGUAGES, missing
from rayboot.sandbox.sandbox import Job, Sandbox

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "multilingual_humaneval"
FILES = {
    "javascript": "HumanEval_javascript_v1.1",
    "perl": "HumanEval_perl_v1.1",
    "java": "HumanEval_java_v1.1",
}

# By language and number of the problem: a right body, a part of it, and a replacement of that part that makes it wrong.
SOLUTIONS = {
    "javascript": {
        3: (
            "let sum = 0;\nfor (const n of operations) { sum += n; if (sum < 0) return true; }\nreturn false;\n}",
            "sum < 0",
            "sum <= 0",
        ),
        8: (
            "return [numbers.reduce((a, b) => a + b, 0), numbers.reduce((a, b) => a * b, 1)];\n}",
            ", 1)",
            ", 0)",
        ),
        9: ("return numbers.map((n, i) => Math.max(...numbers.slice(0, i + 1)));\n}", "max", "min"),
        13: ("return b === 0 ? a : greatestCommonDivisor(b, a % b);\n}", "? a :", "? b :"),
        23: ("return string.length;\n}", "length", "length + 1"),
    },
    "perl": {
        3: (
            "my $sum = 0;\nfor (@$operations) { $sum += $_; return 1 if $sum < 0 }\nreturn 0;\n}",
            "< 0",
            "<= 0",
        ),
        8: (
            "my ($s, $p) = (0, 1);\nfor (@$numbers) { $s += $_; $p *= $_ }\nreturn [$s, $p];\n}",
            "[$s, $p]",
            "[$p, $s]",
        ),
        9: (
            "my ($m, @r);\nfor (@$numbers) { $m = $_ if !defined $m || $_ > $m; push @r, $m }\nreturn \\@r;\n}",
            "$_ > $m",
            "$_ < $m",
        ),
        13: ("($a, $b) = ($b, $a % $b) while $b;\nreturn $a;\n}", "return $a", "return $b"),
        23: ("return length $string;\n}", "length $string", "1"),
    },
    "java": {
        3: (
            "int sum = 0;\nfor (Object n : operations) { sum += (Integer) n; if (sum < 0) return true; }\n"
            "return false;\n}\n}",
            "sum < 0",
            "sum <= 0",
        ),
        8: (
            "int s = 0, p = 1;\nfor (Object n : numbers) { s += (Integer) n; p *= (Integer) n; }\n"
            "return List.of(s, p);\n}\n}",
            "(s, p)",
            "(p, s)",
        ),
        9: (
            "List<Object> r = new ArrayList<>();\nint m = Integer.MIN_VALUE;\n"
            "for (Object n : numbers) { m = Math.max(m, (Integer) n); r.add(m); }\nreturn r;\n}\n}",
            "r.add(m)",
            "r.add(n)",
        ),
        13: ("return b == 0 ? a : greatestCommonDivisor(b, a % b);\n}\n}", "? a :", "? b :"),
        23: ("return string.length();\n}\n}", "length()", "length() + 1"),
    },
}


def problem(language: str, number: int) -> Problem:
    path = DATA / f"{FILES[language]}.jsonl"
    if not path.exists():
        pytest.skip("the benchmark's file is not here")
    if missing(LANGUAGES[language]):
        pytest.skip(f"no toolchain for {language}")
    return next(p for p in load_problems(f"mbxp:{path}") if p.id.endswith(f"/{number}"))


@pytest.mark.parametrize(
    ("language", "number"), [(language, number) for language in SOLUTIONS for number in SOLUTIONS[language]]
)
def test_a_right_solution_passes_and_a_wrong_one_does_not(
    sandbox: Sandbox, language: str, number: int
) -> None:
    task = problem(language, number)
    body, right, wrong = SOLUTIONS[language][number]
    good, bad = task.starter_code + body, task.starter_code + body.replace(right, wrong)
    assert sandbox.run_job(Job.of(task, good)).passed
    assert sandbox.run_job(Job.of(task, bad)).status == "failed"
