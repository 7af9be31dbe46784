"""Programs extracted from the answers of chat models."""
# ruff: noqa: E501 (answers are shown as they came)

from __future__ import annotations

import json

import pytest

from rayboot.problems import AssertTest, Problem, ScriptTest, StdioTest
from rayboot.prompts import PromptBuilder

RIGHT = "def half(x):\n    return x / 2"
WRONG = "def half(x):\n    return x // 2"
READS = "n = int(input())\nprint(n / 2)"
STARTER = 'from typing import List\n\n\ndef half(x: float) -> float:\n    """Half of x.\n    >>> half(3)\n    1.5\n    """\n'


def fenced(code: str, tag: str = "python") -> str:
    return f"```{tag}\n{code}\n```"


def program(answer: str, *, starter_code: str = "", reads: bool = False) -> str:
    problem = Problem(
        id="x/1",
        benchmark="humaneval" if starter_code else "mbpp",
        statement="Half of x.",
        starter_code=starter_code,
        entry_point="" if reads else "half",
        tests=(StdioTest(stdin="3", stdout="1.5") if reads else AssertTest(code="assert half(3) == 1.5"),),
    )
    return PromptBuilder(len, 10_000).program(problem, answer)


def half_of_three(source: str) -> object:
    """Return the function's result for 3. The program is compiled like a file."""
    namespace: dict[str, object] = {"__name__": "program"}
    exec(compile(source, "program.py", "exec", dont_inherit=True), namespace)
    return namespace["half"](3)  # type: ignore[operator]


@pytest.mark.parametrize(
    "answer",
    [
        f"<think>\nMaybe\n{fenced(WRONG)}\n</think>\n\n{RIGHT}",
        f"{fenced(RIGHT)}\n<think>\nOr perhaps\n{fenced(WRONG)}",
        f"A draft:\n{fenced(WRONG)}\n</think>\n{fenced(RIGHT)}",
        f"<think>a <think>{fenced(WRONG)}</think> {fenced(WRONG)}</think>\n{RIGHT}",
        f"<reasoning>\n{fenced(WRONG)}\n</reasoning>\n<answer>\n{RIGHT}\n</answer>",
        f"[THINK]\n{fenced(WRONG)}\n[/THINK]{fenced(RIGHT)}",
        f"<|begin_of_thought|>\n{fenced(WRONG)}\n<|end_of_thought|>\n<|begin_of_solution|>\n{fenced(RIGHT)}\n<|end_of_solution|>",
        f"<|channel|>analysis<|message|>{fenced(WRONG)}<|end|><|start|>assistant<|channel|>final<|message|>{fenced(RIGHT)}",
        f"<think>\nIt was never closed.\n{fenced(RIGHT)}\nThat is it.",
    ],
)
def test_reasoning_is_not_part_of_the_answer(answer: str) -> None:
    assert half_of_three(program(answer)) == 1.5


@pytest.mark.parametrize(
    "answer",
    [
        f"{fenced(RIGHT)}<|im_end|>\n<|im_start|>user\nAnd now wrong.\n<|im_start|>assistant\n{fenced(WRONG)}",
        f"<|start_header_id|>assistant<|end_header_id|>\n\n{RIGHT}<|eot_id|>",
        f"<s> [INST] Half [/INST] {RIGHT} </s>",
        f"<start_of_turn>model\n{fenced(RIGHT)}<end_of_turn>\n<eos>",
        f"{RIGHT}\n<\uff5cend\u2581of\u2581sentence\uff5c>",
        f"[BEGIN]\n{RIGHT}\n[DONE]",
        f"[PYTHON]\n{RIGHT}\n[/PYTHON]\n[TESTS]\nassert half(3) == 1.5\n[/TESTS]",
        "<pre><code class='language-python'>def half(x):\n    return x / 2 if x &gt; 0 else x / 2\n</code></pre>",
        f"\\begin{{lstlisting}}[language=Python]\n{RIGHT}\n\\end{{lstlisting}}",
        json.dumps({"explanation": "It halves.", "code": RIGHT}),
        "Here: " + json.dumps({"calls": [{"name": "run", "arguments": {"code": RIGHT}}]}),
        repr({"code": RIGHT}),
        f'{{"code": "{RIGHT}"}}',
        f"{RIGHT}\n\n### Instruction:\nRound it.\n### Response:\n{WRONG}",
        f"{RIGHT}[|endofturn|]",
        f"{RIGHT}<|endoftext|>",
        f"<code>\n{RIGHT}\n</code>",
    ],
)
def test_special_tokens_and_tags_are_not_code(answer: str) -> None:
    assert half_of_three(program(answer)) == 1.5


MARKED = [
    "    import re\n    re.sub(r'<think>.*?</think>', '', '')",
    "    s = 'a <eos> b'",
    "    s = 'a<|im_end|>b'",
    "    s = 'a <s> b </s> c'",
    '    s = f"{x}<think>"',
    '    s = f"[INST] {x}"',
    "    s = f'  <reason>{x}</reason>'",
    "    # <think> negative?",
    '    s = f"""<html>\n<pre>\n{x}\n</pre>\n</html>"""',
    '    s = """\n<answer>\n<code>\n</code>\n</answer>\n<script>\n</script>\n"""',
    '    s = """\n[DONE]\nHuman: hi\n"""',
]


@pytest.mark.parametrize("line", MARKED)
def test_marks_in_strings_and_comments_are_code(line: str) -> None:
    code = f"def half(x):\n{line}\n    return x / 2"
    for answer in (
        f"Sure:\n{fenced(code)}\nThat's it.",
        f"It's <think> so:\n\n{code}\n\nThat's it.",
        f"<think>\nA draft:\n{fenced(code.replace('2', '3'))}\n</think>\n{fenced(code)}<|im_end|>",
        f"```python\n{code}",
    ):
        assert program(answer) == code


@pytest.mark.parametrize(
    "answer",
    [
        f"~~~~ Python3\n{RIGHT}\n~~~~",
        f"````markdown\nHere:\n{fenced(RIGHT)}\n````",
        f"```markdown\nHere:\n{fenced(RIGHT)}\n```",
        "1. Define it:\n\n   ```python\n   def half(x):\n       return x / 2\n   ```\n\n2. Done.",
        "1. Define it:\n   ```python\ndef half(x):\n    return x / 2\n   ```\n2. Done.",
        "Answer:\n\n    ```python\n    def half(x):\n        return x / 2\n    ```\n",
        "As said:\n> ```\n> def half(x):\n>     return x / 2\n> ```\nBye",
        f"<details>\n<summary>Code</summary>\n{fenced(RIGHT)}\n</details>",
        f"Sure! {fenced(RIGHT)} It halves.",
        f"```python\n{RIGHT}```\nHope this helps!",
        "```def half(x):\n    return x / 2\n```",
        "```python def half(x): return x / 2```",
        fenced(RIGHT, "py"),
        f"```\npython\n{RIGHT}\n```",
        f"```{{.python .numberLines}}\n{RIGHT}\n```",
        f"Sure\n```python\n{RIGHT}\n\nThis halves x, and it's short.",
        f"```python\n{RIGHT}\n\nprint(half(",
        '```python\n"""\n```\nhalf(3)\n```\n"""\ndef half(x):\n    return x / 2\n```\nBye',
        "- Use `def half(x): return x / 2`\n- Done",
        f"Here:\r\n```python\r\n{RIGHT}\r\n```\r\n".replace("\n", "\r\n"),
        "```python\n>>> def half(x):\n...     return x / 2\n...\n>>> half(3)\n1.5\n```",
        "```\nIn [1]: def half(x):\n   ...:     return x / 2\n\nIn [2]: half(3)\nOut[2]: 1.5\n```",
        "```python\n1 def half(x):\n2     return x / 2\n```",
        f"Answer: {RIGHT}\n\nO(1)",
        "```python\ndef half(x):\n\u00a0\u00a0\u00a0\u00a0return\u00a0x / 2\n```",
        f"\ufeff{RIGHT}",
        f"Write a function.\nassert half(3) == 1.5\n\n{RIGHT}",
        "Answer:\n    def half(x):\n        return x / 2\nOk.",
        f"Sure\n\n{RIGHT}\n\nExplanation: division",
        'Here:\n\nDOC = """\nnot indented\n"""\n\ndef half(x):\n    return x / 2\n\nIt\'s done.',
    ],
)
def test_fences_are_found_anywhere_and_prose_is_dropped(answer: str) -> None:
    assert half_of_three(program(answer)) == 1.5


@pytest.mark.parametrize(
    "answer",
    [
        f"{fenced(WRONG)}\nAlternatively:\n{fenced(RIGHT)}\nThen\n{fenced('python half.py', 'bash')}\n{fenced('1.5', 'text')}",
        f"Wrong version:\n\n{WRONG}\n\nFixed version:\n\n{RIGHT}\n\nDone.",
        f"{fenced(WRONG)}\nFixed: {fenced(RIGHT)}",
        f"{fenced(WRONG)}\nFixed:\n\n{RIGHT}",
        f"{fenced('def half(x):' + chr(10) + '    y = x / 2' + chr(10) + '    return y')}\nIt begins with\n{fenced('def half(x):' + chr(10) + '    y = x / 2')}",
        f"{fenced(RIGHT)}\nAs a class:\n{fenced('class Solution:' + chr(10) + '    def half(self, x):' + chr(10) + '        return x / 2')}",
        f"{fenced(RIGHT)}\nThen:\n{fenced('half = half(3)')}\nprints\n{fenced('half = 1.5', '')}",
        f"{fenced(RIGHT)}\nThe signature:\n{fenced('def half(x: float) -> float: ...')}",
        f"{fenced(RIGHT)}\nUse it:\n{fenced('from solution import half' + chr(10) + 'print(half(3))')}",
        f"{fenced('import operator')}\n{fenced('def half(x):' + chr(10) + '    return operator.truediv(x, 2)')}",
        f"{fenced('def part(x, n):' + chr(10) + '    return x / n')}\n{fenced('def half(x):' + chr(10) + '    return part(x, 2)')}",
        f"{fenced('half = lambda x: part(x)')}\nwhere\n{fenced('def part(x):' + chr(10) + '    return x / 2')}",
        f"{fenced('import math')}\n{fenced('from __future__ import annotations' + chr(10) + 'def half(x): return math.ldexp(x, -1)')}",
        "Step 1:\n```python\ndef half(x):\n```\nStep 2:\n```python\n    return x / 2\n```",
    ],
)
def test_the_last_definition_is_used_with_its_dependencies(answer: str) -> None:
    assert half_of_three(program(answer)) == 1.5


@pytest.mark.parametrize(
    "answer",
    [
        "    return x / 2<|im_end|>",
        "    return x / 2\n\nThis halves x.",
        "y = 2\n    return x / y",
        " y = 2\n    return x / y\n",
        "y = 2\nreturn x / y",
        "<think>Two.</think>    return x / 2",
        fenced("return x / 2"),
        f"{fenced('    return x / 2')}\nUse it:\n{fenced('print(half(3))')}",
        "The rest:\n\n    return x / 2\n",
        f"Sure:\n\n{STARTER}    return x / 2\n\nDone.",
        fenced("from __future__ import annotations\n\ndef half(x: List) -> List:\n    return x / 2"),
        "from __future__ import annotations\n\ndef half(x):\n    return x / 2\n",
    ],
)
def test_a_signature_is_continued_or_repeated(answer: str) -> None:
    assert half_of_three(program(answer, starter_code=STARTER)) == 1.5


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (f"Save and run\n{fenced('python a.py', 'bash')}\n{fenced(READS)}\nExample:\n{fenced('3', '')}\n{fenced('1.5', 'text')}", READS),
        (f"{fenced('print(input())')}\nFixed:\n{fenced(READS)}\nThe key:\n{fenced('n = int(input())')}", READS),
        (f"Read and print:\n\n{READS}\n\nThat's all.", READS),
        (fenced("class Solution:\n    def half(self, n):\n        return n / 2\n\nprint(Solution().half(int(input())))"),
         "class Solution:\n    def half(self, n):\n        return n / 2\n\nprint(Solution().half(int(input())))"),
        (f"{fenced(READS)}\nTry it:\n{fenced('sys.stdin = io.StringIO(3)' + chr(10) + READS + chr(10) + 'assert n')}", READS),
        (f"{fenced('import sys' + chr(10) + 'for line in sys.stdin:' + chr(10) + '    print(line)')}\nThe loop:\n{fenced('for line in sys.stdin:' + chr(10) + '    print(line)')}",
         "import sys\nfor line in sys.stdin:\n    print(line)"),
        (f"{fenced('n = int(input())')}\nthen\n{fenced('print(n / 2)')}", "n = int(input())\n\nprint(n / 2)"),
        (f"{fenced('def f(n):' + chr(10) + '    return n / 2' + chr(10) + 'print(f(int(input())))')}\nTry:\n{fenced('print(f(3))')}",
         "def f(n):\n    return n / 2\nprint(f(int(input())))"),
    ],
)  # fmt: skip
def test_the_last_program_that_reads_its_input_is_used(answer: str, right: str) -> None:
    assert program(answer, reads=True) == right


@pytest.mark.parametrize(
    ("language", "imports"),
    [("go", 'import (\n\t"fmt"\n)'), ("perl", "use List::Util qw(sum);"), ("swift", "import Foundation"), ("java", "import java.util.List;")],
)  # fmt: skip
def test_a_block_of_imports_belongs_to_the_next_block(language: str, imports: str) -> None:
    reads = {"go": "func main() { fmt.Scan() }", "java": "class Main { Object o = System.in; }", "perl": "print <STDIN>;", "swift": "print(readLine()!)"}[language]  # fmt: skip
    problem = Problem(id="x/1", benchmark="own", language=language, statement="Half.", tests=(StdioTest(stdin="3", stdout="1.5"),))  # fmt: skip
    answer = f"{fenced(imports, language)}\nThen:\n{fenced(reads, language)}"
    found = PromptBuilder(len, 10_000).program(problem, answer)
    assert [line for line in found.split("\n") if line] == [*imports.split("\n"), reads]


def test_a_broken_program_stays_broken() -> None:
    broken = "def half(x):\n    return x / (\n"
    assert program(f"<think>{fenced(RIGHT)}</think>\n{fenced(broken)}").strip() == broken.strip()
    helperless = "def half(x):\n    return part(x)\n\ndef part(x:\n    return x / 2\n\nprint(half(1))"
    assert program(helperless) == helperless


LANGUAGES = pytest.mark.parametrize(
    ("language", "right", "wrong"),
    [
        ("javascript", "function half(x) {\n  return x / 2;\n}", "function half(x) {\n  return x;\n}"),
        ("perl", "sub half {\n  return $_[0] / 2;\n}", "sub half {\n  return $_[0];\n}"),
        ("java", "class Half {\n  static double half(double x) { return x / 2; }\n}", "class Half {\n  static double half(double x) { return x; }\n}"),
        ("go", "func half(x float64) float64 {\n\treturn x / 2\n}", "func half(x float64) float64 {\n\treturn x\n}"),
        ("swift", "func half(x: Double) -> Double {\n  return x / 2\n}", "func half(x: Double) -> Double {\n  return x\n}"),
    ],
)  # fmt: skip


@LANGUAGES
def test_marks_in_strings_of_other_languages_are_code(language: str, right: str, wrong: str) -> None:
    problem = Problem(
        id="x/1", benchmark="own", language=language, statement="Half.", entry_point="half", tests=(ScriptTest(code=""),)
    )  # fmt: skip
    for mark in ("a <eos> b", "<think>", "a<|im_end|>b", "  <reason>", "[INST] a"):
        code = right.replace("return", f'f("{mark}");\nreturn')
        for answer in (
            code,
            f"Here it is:\n\n{code}\n\nIt's half.",
            f"<think>{fenced(wrong, language)}</think>\n{fenced(code, language)}<|im_end|>",
        ):
            assert PromptBuilder(len, 10_000).program(problem, answer) == code


@LANGUAGES
def test_answers_in_other_languages_are_read_alike(language: str, right: str, wrong: str) -> None:
    problem = Problem(
        id="x/1", benchmark="own", language=language, statement="Half.", entry_point="half", tests=(ScriptTest(code=""),)
    )  # fmt: skip
    for answer in (
        right,
        f"{right}</s>",
        f"Here it is:\n\n{right}\n\nIt's half of x (really).",
        f"**Code**\n\n{right}\n\n* It's half of x (really).",
        f"<think>{fenced(wrong, language)}</think>\n{fenced(right, language)}<|im_end|>",
        f"{fenced(wrong, language)}\nFixed:\n{fenced(right, language.upper())}\n{fenced('half(3)', 'text')}",
        f"{fenced(right, '')}\nIn Python:\n{fenced(RIGHT)}",
        f"Sure! {fenced(right, language)}",
        json.dumps({"code": right}),
        f"{fenced(right, language)}\nIn short:\n{fenced(right.replace('return', '// return' if language != 'perl' else '# return'), language)}"
        if "\n  return" in right or "\n\t" in right
        else right,
        f"{fenced(right, language)}\nAgain:\n```{language}\n{right.partition(' {')[0]}",
    ):
        assert PromptBuilder(len, 10_000).program(problem, answer) == right


@pytest.mark.parametrize(
    ("language", "right", "wrong"),
    [
        ("javascript", "const fs = require('fs');\nconsole.log(fs.readFileSync(0, 'utf8') / 2)", "console.log(require('fs').readFileSync(0))"),
        ("perl", "my ($n) = <STDIN>;\nprint $n / 2;", "my $n = <STDIN>;\nprint $n;"),
        ("java", "import java.util.*;\nclass Main\n{\n    int n;\n\n    public static void main(String[] a)\n    {\n        System.out.println(new Scanner(System.in).nextInt() / 2.0);\n    }\n}",
         "import java.util.*;\nclass Main {\n    public static void main(String[] a) {\n        System.out.println(new Scanner(System.in).nextInt());\n    }\n}"),
        ("go", "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tvar n float64\n\tfmt.Scan(&n)\n\tfmt.Println(n / 2)\n}", "package main\nfunc main() {\n\tfmt.Scan()\n}"),
        ("swift", "let n = Double(readLine()!)!\nprint(n / 2) // half", "let n = readLine()\nprint(n)"),
    ],
)  # fmt: skip
def test_programs_that_read_input_in_other_languages_are_read_alike(
    language: str, right: str, wrong: str
) -> None:
    problem = Problem(
        id="x/1", benchmark="own", language=language, statement="Half.", tests=(StdioTest(stdin="3", stdout="1.5"),)
    )  # fmt: skip
    for answer in (
        right,
        f"Here it is:\n\n{right}\n\nIt's half of x (really).",
        f"{fenced(wrong, language)}\nFixed:\n{fenced(right, language)}\nInput:\n{fenced('3', '')}\nOutput:\n{fenced('1.5', '')}",
    ):
        assert PromptBuilder(len, 10_000).program(problem, answer) == right


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("<pre><code>function half(x) {\n  return x &gt; 0 &amp;&amp; x / 2;\n}\n</code></pre>", "function half(x) {\n  return x > 0 && x / 2;\n}"),
        ("```js\nfunction half(x) {\n  return '\u3000&lt;';\n}\n```", "function half(x) {\n  return '\u3000&lt;';\n}"),
        ("```js\nfunction half(x) {\n\u00a0\u00a0return x / 2;\n}\n```", "function half(x) {\n  return x / 2;\n}"),
    ],
)  # fmt: skip
def test_entities_and_odd_spaces_are_replaced_outside_strings(answer: str, right: str) -> None:
    problem = Problem(
        id="x/1", benchmark="own", language="javascript", statement="Half.", entry_point="half", tests=(ScriptTest(code=""),)
    )  # fmt: skip
    assert PromptBuilder(len, 10_000).program(problem, answer).strip() == right


TIPS = {
    "python": "import sys\nsys.setrecursionlimit(10**6)\ninput = sys.stdin.readline",
    "go": "sc := bufio.NewScanner(os.Stdin)\nsc.Buffer(make([]byte, 1<<20), 1<<20)",
    "perl": "my @lines = <STDIN>;",
    "javascript": "const input = require('fs').readFileSync('/dev/stdin', 'utf8');",
    "java": "BufferedReader in = new BufferedReader(new InputStreamReader(System.in));",
}


@pytest.mark.parametrize(
    ("language", "right"),
    [
        ("python", READS),
        ("go", "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tvar n float64\n\tfmt.Scan(&n)\n\tfmt.Println(n / 2)\n}"),
        ("perl", "my $n = <STDIN>;\nprint $n / 2;"),
        ("javascript", "console.log(require('fs').readFileSync(0, 'utf8') / 2)"),
        ("java", "class Main {\n    public static void main(String[] a) {\n        System.out.println(new java.util.Scanner(System.in).nextInt() / 2.0);\n    }\n}"),
    ],
)  # fmt: skip
def test_a_tip_on_faster_input_is_not_the_program(language: str, right: str) -> None:
    problem = Problem(id="x/1", benchmark="own", language=language, statement="Half.", tests=(StdioTest(stdin="3", stdout="1.5"),))  # fmt: skip
    answer = f"{fenced(right, language)}\nFor large inputs:\n{fenced(TIPS[language], language)}"
    assert PromptBuilder(len, 10_000).program(problem, answer) == right


@pytest.mark.parametrize(
    "below",
    [
        "for _ in range(int(input())):\n    n = int(input())",
        "while True:\n    try:\n        line = input()\n    except EOFError:\n        break",
        "n = int(input())\nassert 1 <= n <= 100",
    ],
)
def test_a_block_that_prints_nothing_is_not_the_program(below: str) -> None:
    assert program(f"{fenced(READS)}\nThe input is read so:\n{fenced(below)}", reads=True) == READS


@pytest.mark.parametrize("left_out", ["...", "# ...", "# ... (rest as above)", "# ... existing code"])
def test_an_abridged_repetition_is_not_the_program(left_out: str) -> None:
    short = f"def half(x):\n    if x < 0:\n        return 0\n    {left_out}\n    return x"
    assert program(f"{fenced(RIGHT)}\nIn detail:\n{fenced(short)}") == RIGHT
    assert program(fenced(short)) == short  # the only definition


@pytest.mark.parametrize(
    ("language", "right", "usage"),
    [
        ("javascript", "function half(x) {\n  const result = x / 2;\n  return result;\n}", "const x = 3;\nconst result = half(x);\nconsole.log(result);"),
        ("javascript", "function half(x) {\n  return x / 2;\n}", "function other(x: number): number {\n  return x;\n}"),
        ("go", "package main\n\nfunc half(x float64) float64 {\n\treturn x / 2\n}", "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(half(3))\n}"),
    ],
)  # fmt: skip
def test_an_example_of_use_is_not_part_of_the_program(language: str, right: str, usage: str) -> None:
    problem = Problem(id="x/1", benchmark="own", language=language, statement="Half.", entry_point="half", tests=(ScriptTest(code=""),))  # fmt: skip
    assert PromptBuilder(len, 10_000).program(problem, f"{fenced(right, language)}\nUsage:\n{fenced(usage, language)}") == right  # fmt: skip


def test_typescript_is_used_only_without_javascript() -> None:
    problem = Problem(id="x/1", benchmark="own", language="javascript", statement="Half.", entry_point="half", tests=(ScriptTest(code=""),))  # fmt: skip
    plain, typed = (
        "function half(x) {\n  return x / 2;\n}",
        "function half(x: number): number {\n  return x / 2;\n}",
    )
    built = PromptBuilder(len, 10_000)
    assert built.program(problem, f"{fenced(plain, 'js')}\nWith types:\n{fenced(typed, 'ts')}") == plain
    assert built.program(problem, fenced(plain, "typescript")) == plain


def test_lines_in_json_are_joined() -> None:
    assert program(json.dumps({"language": "python", "code": RIGHT.split("\n")})) == RIGHT


def test_tabs_may_be_eight_columns_wide() -> None:
    found = program(fenced("def half(x):\n    for y in [x]:\n\tx = y / 2\n    return x"))
    assert half_of_three(found) == 1.5


def test_a_body_continues_the_prompt_and_not_a_stub() -> None:
    stub = "def half(x):\n    raise NotImplementedError"
    assert (
        half_of_three(program(f"{fenced(stub)}\nSo:\n{fenced('    return x / 2')}", starter_code=STARTER))
        == 1.5
    )
