"""Names that source code binds and needs: for Python by its parser, for other languages by their tokens."""

from __future__ import annotations

import ast
import builtins
import json
import re
import symtable
import textwrap
from collections.abc import Iterator
from functools import cache, lru_cache

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Error, Operator, Punctuation, String

from rayboot.problems.types import Language

HEADER: dict[Language, str] = {
    "python": r"from __future__ import ",
    "java": r"package |import ",
    "go": r"package ",
    "perl": r"use ",
    "swift": r"import ",
    "javascript": r"['\"]use strict",
}
"""Beginnings of lines that must precede all others. An answer may leave these lines out."""

_TOP_LEVEL_DEFINITION: dict[Language, str] = {
    "python": r"(?:async\s+)?def\s+(\w+)|class\s+(\w+)|(\w+)\s*=[^=]",
    "javascript": r"(?:export[ \t]+|async[ \t]+|default[ \t]+){0,3}function\b\s*\*?\s*([\w$]+)"
    r"|(?:export\s+)?(?:const|let|var|class)\s+([\w$]+)",
    "java": r"(?:[\w@]+[ \t]+){0,6}(?:class|interface|enum|record)\s+(\w+)",
    "perl": r"sub\s+(\w+)|(?:my|our)\s+[$@%](\w+)",
    "go": r"func\s+(?:\([^)]*\)\s*)?(\w+)|(?:type|var|const)\s+(\w+)",
    "swift": r"(?:[\w@]+[ \t]+){0,6}(?:func|class|struct|enum|protocol|let|var)\s+(\w+)",
}
"""Definitions without indentation."""
_NAMED_DEFINITION: dict[Language, str] = {
    "python": r"^\s*(?:async\s+)?def {name}\b",
    "javascript": r"\bfunction\s*\*?\s*{name}\b"
    r"|^(?:export\s+)?(?:(?:const|let|var)\s+)?(?:module\.|exports\.)*{name}\s*="
    r"\s*(?:async\s*)?(?:function\b|\(|[\w$]+\s*=>)",
    "java": r"(?:^|[{};])[ \t]*\w[\w<>\[\], ?]*[ \t]{name}[ \t]*\([^;{}()]{0,400}\)[^;{}()]{0,200}[{]",
    "perl": r"^\s*sub\s+{name}\b",
    "go": r"^\s*func\s+{name}\b",
    "swift": r"^\s*(?:[\w@]+[ \t]+){0,6}func\s+{name}\b",
}
_IMPORT = re.compile(r"\s*(?:(?:import|use|package)\b|[\")]|//|#|$)")
_CODE_LINE = re.compile(
    r"\s|[})\]@]|//|/\*|\*/|#|[$@%]\w|[\w.$\[\]\"']+(?: ?\(.*\)|\s*[:+\-*/%]?=\s.*)\s*(?:(?://|#).*)?$"
    r"|(?:import|package|use|sub|class|struct|enum|record|interface)\s+[\w.:\"/*]+;?$"
    r"|(?:import|use|func|function|sub|class|struct|public|private|protected|static|final|abstract|export|async|const|let|"
    r"var|my|our|type|enum|record|interface)\s.*\W|.*[{};]\s*(?:(?://|#).*)?$"
)
"""A line outside all brackets that is code, in languages with braces."""
_UNFINISHED = re.compile(r"@|.*(?:\"\"\"|''')|[^\n]*[\\([{,]\s*(?:#.*)?$", re.DOTALL | re.MULTILINE)
_CONTINUATION = re.compile(r"(?:else|elif|except|finally)\b.*:|[)\]}]")
_LABELLED = re.compile(r"^[\w *]{1,30}: +(?=(?:async )?(?:def|class) \w+[(:])", re.MULTILINE)
_MAX_CHUNKS = 30
"""Maximum number of unindented chunks in one Python statement."""
_OPENING, _CLOSING = "([{", ")]}"
_INPUT = re.compile(
    r"\binput\s*\(|\bstdin\b|\b(?:open|readFileSync)\s*\(\s*0|fileinput|STDIN|<>|System\.in|os\.Stdin|readLine|"
    r"/dev/stdin|\bfmt\.Scan"
)
_OUTPUT = re.compile(r"\bprint|\bwrite|\bsay\b|\bconsole\.|\bSystem\.out\b|\bfmt\.F?[Pp]rint")
_ELISION = re.compile(
    r"^\s*(?:#|//)\s*(?:\.\.\.|\u2026)\s*(?:$|\(?(?:rest|existing|same|remaining|other|previous|unchanged|as above)\b)",
    re.MULTILINE,
)
_FAKE_INPUT = re.compile(r"\bstdin\s*=\s*(?:io\.)?StringIO\s*\(|\bpatch\(|\bsubprocess\b")
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


@lru_cache(maxsize=64)
def syntax_tree(code: str) -> ast.Module | None:
    """Return Python's syntax tree; None if the code does not parse."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parses(code: str, language: Language) -> bool:
    """Return whether the code is valid and not prose; without a parser, whether its tokens and brackets match."""
    if language == "python":
        tree = syntax_tree(code)
        return tree is not None and not all(map(_may_be_prose, tree.body))
    return bool(code.strip()) and missing_brackets(code, language) == "" and not _is_json(code)


def _is_json(code: str) -> bool:
    try:
        json.loads(code)
    except (ValueError, RecursionError):
        return False
    return True


@lru_cache(maxsize=64)
def missing_brackets(code: str, language: Language) -> str | None:
    """Return the closing brackets that are missing at the end; None if the code is broken otherwise."""
    stack: list[str] = []
    for bracket in _brackets(code, language):
        if bracket in _OPENING:
            stack.append(_CLOSING[_OPENING.index(bracket)])
        elif not stack or stack.pop() != bracket:
            return None
    return "".join(reversed(stack))


def defines(code: str, name: str, language: Language, *, method: bool = True) -> bool:
    """Return whether the code defines the function with a body.

    In Python the definition must be at the top level or, if `method`, in the class `Solution`.
    """
    if not name:
        return False
    tree = syntax_tree(code) if language == "python" else None
    if tree is None:
        found = code[definition_start(code, name, language) :]
        return bool(found) and (language == "python" or _has_body(found, language))
    return any(_defines(statement, name, method) for statement in _top_level(tree.body))


def _has_body(code: str, language: Language) -> bool:
    """Return whether the definition at the beginning of the code has a body with more than comments."""
    code_text = "".join(text for kind, text in lex(code, language) if kind != "comment")
    while (reduced := re.sub(r"\([^()]*\)", "_", code_text)) != code_text:
        code_text = reduced
    return re.search(r"^[^{]*=>\s*[^\s{]|^[^{]*(?:\{\s*\}\s*)*\{\s*[^\s}]", code_text) is not None


def without_examples_above(code: str, name: str) -> str:
    """Return Python code without the examples and tests that a task's statement shows above the function."""
    tree = syntax_tree(code) if name else None
    body = tree.body if tree else []
    index = next((index for index, each in enumerate(body) if _defines(each, name, True)), 0)
    lines = code.split("\n")
    for each in body[:index]:
        used = any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(each))
        if used and isinstance(each, ast.Assert | ast.Expr | ast.Assign):
            end = each.end_lineno or each.lineno
            lines[each.lineno - 1 : end] = [""] * (end - each.lineno + 1)
    return "\n".join(lines).lstrip("\n") if index else code


def definition_start(code: str, name: str, language: Language) -> int:
    """Return where the function's definition begins; the end of the code if there is none."""
    match = re.search(_NAMED_DEFINITION[language].replace("{name}", re.escape(name)), code, re.MULTILINE)
    return match.start() if match else len(code)


def header_lines(code: str, language: Language) -> list[str]:
    """Return the lines that must precede all others; in Python, all imports."""
    first = r"from |import " if language == "python" else HEADER[language]
    return [line for line in code.splitlines() if re.match(first, line)]


def reads_input(code: str) -> bool:
    """Return whether the code reads its standard input, and does not replace it to test a program."""
    return _INPUT.search(code) is not None and _FAKE_INPUT.search(code) is None


def writes_output(code: str) -> bool:
    """Return whether the code seems to print: an example of how to read input does not."""
    return _OUTPUT.search(code) is not None


def is_abridged(code: str, language: Language) -> bool:
    """Return whether the code leaves something out, by three dots among statements or by a comment."""
    tree = syntax_tree(code) if language == "python" else None
    bodies = (getattr(node, "body", None) for node in (ast.walk(tree) if tree else ()))
    dots = any(isinstance(body, list) and any(map(_is_ellipsis, body[1:])) for body in bodies)
    return dots or _ELISION.search(code) is not None


def has_effect(code: str, language: Language) -> bool:
    """Return whether running the code does more than define names."""
    if language in ("go", "java"):
        return re.search(r"\bmain\s*\(", code) is not None
    tree = syntax_tree(code) if language == "python" else None
    inert = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign
    return tree is None or any(not isinstance(each, inert | ast.AnnAssign) for each in tree.body)


@lru_cache(maxsize=64)
def bound_names(code: str, language: Language) -> frozenset[str]:
    """Return the names that the code binds at its top level; `*` stands for all names of a module."""
    if language != "python":
        found = re.finditer(rf"^(?:{_TOP_LEVEL_DEFINITION[language]})", code, re.MULTILINE)
        names = {name for match in found for name in match.groups() if name}
        return frozenset(names | ({"*"} if re.search(r"^import [\w.]+\.\*;", code, re.MULTILINE) else set()))
    table = _symbol_table(code)
    if table is None:
        return frozenset()
    bound = {
        s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()
    }
    return frozenset(bound | ({"*"} if re.search(r"^from [\w.]+ import \*", code, re.MULTILINE) else set()))


def has_only_imports(code: str) -> bool:
    """Return whether code with braces has only imports, whose bound names are unknown."""
    return all(map(_IMPORT.match, code.split("\n")))


@lru_cache(maxsize=64)
def free_names(code: str, language: Language) -> frozenset[str]:
    """Return the names that the code uses and does not bind; without a parser, all its words."""
    if language != "python":
        code_text = "".join(text for kind, text in lex(code, language) if kind != "comment")
        code_text = re.sub(r"^(?:package|import) .*", "", code_text, flags=re.MULTILINE)
        return frozenset(re.findall(r"[\w$]+", code_text)) - bound_names(code, language)
    table = _symbol_table(code)
    if table is None:
        return frozenset()
    used = {
        symbol.get_name()
        for each in _scopes(table)
        for symbol in each.get_symbols()
        if symbol.is_referenced() and (each is table or symbol.is_global())
    }
    return frozenset(used - bound_names(code, language) - _BUILTINS)


def hoisted(code: str, language: Language) -> str:
    """Return the code with the lines first that must precede all others, each once."""
    pattern = re.compile(rf"(?:{HEADER[language]}).*\n?")
    lines = code.splitlines(keepends=True)
    indices = [number for number, line in enumerate(lines) if pattern.match(line)]
    if language == "python":
        tree = syntax_tree(code)
        futures = (
            [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
            if tree
            else []
        )
        indices = [number for s in futures for number in range(s.lineno - 1, s.end_lineno or s.lineno)]
    if indices == list(range(len(indices))):
        return code
    hoisted_lines = dict.fromkeys(lines[number].rstrip("\n") + "\n" for number in indices)
    return "".join(
        [*hoisted_lines, *(line for number, line in enumerate(lines) if number not in set(indices))]
    )


def code_segments(text: str, language: Language) -> list[str]:
    """Return the segments of code in prose, in order; none if prose and broken code cannot be distinguished."""
    return list(_python_segments(text) if language == "python" else _braced_segments(text, language))


def _python_segments(text: str) -> list[str]:
    chunks: list[str] = []
    for line in _LABELLED.sub("", text).split("\n"):
        if chunks and (not line.strip() or line[0].isspace() or _CONTINUATION.match(line)):
            chunks[-1] += "\n" + line
        else:
            chunks.append(line)
    segments: list[list[str]] = [[]]
    broken: set[str] = set()
    index = 0
    while index < len(chunks):
        end = _statement_end(chunks, index)
        code = "\n".join(chunks[index:end])
        tree = syntax_tree(code)
        if tree is not None and not (tree.body and all(map(_may_be_prose, tree.body))):
            segments[-1].append(code)
        else:
            prose, _, below = code.partition("\n")  # code may be indented below a line of prose
            below = textwrap.dedent(below)
            segments += (
                [[below], []] if syntax_tree(prose.strip()) is None and parses(below, "python") else [[]]
            )
            if end < len(chunks) and (match := re.match(r"(?:async\s+)?(?:def|class)\s+(\w+)\s*[(:]", code)):
                broken.add(match[1])
        index = end
    pieces = ["\n".join(segment).strip("\n") for segment in segments]
    pieces = [piece for piece in pieces if parses(piece, "python")]
    return [] if broken.difference(*(bound_names(piece, "python") for piece in pieces)) else pieces


def _statement_end(chunks: list[str], index: int) -> int:
    """Return where the statement ends that begins with a chunk: a string or a bracket may span chunks."""
    if syntax_tree(chunks[index]) is None and _UNFINISHED.match(chunks[index]):
        for end in range(index + 2, min(index + _MAX_CHUNKS, len(chunks)) + 1):
            if syntax_tree("\n".join(chunks[index:end])) is not None:
                return end
    return index + 1


def _braced_segments(text: str, language: Language) -> Iterator[str]:
    segment: list[str] = []
    depth, in_comment = 0, False
    for line in text.split("\n"):
        in_comment = (in_comment or line.lstrip().startswith("/*")) and "*/" not in line
        if in_comment:
            segment.append(line)
        elif depth > 0 or not line.strip() or _CODE_LINE.match(line):
            segment.append(line)
            brackets = list(_brackets(line, language))  # a string over lines is an error in each
            depth += sum(bracket in _OPENING for bracket in brackets) - sum(
                bracket in _CLOSING for bracket in brackets
            )
            depth = max(0, depth)
        else:
            yield from _unless_broken(segment, language)
            segment = []
    yield from _unless_broken(segment, language)


def lex(code: str, language: Language) -> Iterator[tuple[str, str]]:
    """Yield the code token by token, each with its kind: `string`, `comment` or `code`."""
    for _, kind, text in _lexer(language).get_tokens_unprocessed(code):
        is_handle = kind in String.Regex and text.startswith("<")  # Perl's <STDIN>
        yield (
            ("comment" if kind in Comment else "string" if kind in String and not is_handle else "code"),
            text,
        )


def _brackets(code: str, language: Language) -> Iterator[str]:
    """Yield the brackets of the code outside strings and comments, and a `?` for each token that is not code."""
    for _, kind, text in _lexer(language).get_tokens_unprocessed(code):
        if kind in Error:
            yield from "?" * bool(text.strip())
        elif kind in Punctuation or kind in Operator:
            yield from (bracket for bracket in text if bracket in _OPENING + _CLOSING)


@cache
def _lexer(language: Language) -> Lexer:
    return get_lexer_by_name(language)


def _unless_broken(segment: list[str], language: Language) -> Iterator[str]:
    code = "\n".join(segment).strip("\n")
    if code.strip() and missing_brackets(code, language) is not None:
        yield code


def _may_be_prose(statement: ast.stmt) -> bool:
    """Return whether a statement may be a word, a list of words, or the number of an example."""
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    return isinstance(statement, ast.Expr) and not any(
        isinstance(node, ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.Subscript)
        and not (isinstance(node, ast.Call) and ast.unparse(node.func) == "O")  # as in O(n)
        for node in ast.walk(statement)
    )


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, including those within if, try and with."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            yield from _top_level([*statement.body, *getattr(statement, "orelse", [])])


def _defines(statement: ast.stmt, name: str, method: bool) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return statement.name == name and not all(map(_is_stub, statement.body))
        case ast.ClassDef(name="Solution") if name != "Solution":
            return method and any(_defines(each, name, method) for each in statement.body)
        case ast.ClassDef():
            return statement.name == name
        case ast.Assign(targets=[ast.Name(id=target)]) | ast.AnnAssign(target=ast.Name(id=target)):
            return target == name and _may_be_function(statement.value, name)
    return False


def _may_be_function(value: ast.expr | None, name: str) -> bool:
    """Return whether the value may be a function, and not the named function's result for an example."""
    calls_itself = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == name
    return (
        isinstance(value, ast.Lambda | ast.Name | ast.Attribute | ast.Call | ast.IfExp | ast.Subscript)
        and not calls_itself
    )


def _is_stub(statement: ast.stmt) -> bool:
    """Return whether a statement stands for a missing body: pass, a docstring, three dots or NotImplementedError."""
    raised = isinstance(statement, ast.Raise) and "NotImplemented" in ast.dump(statement)
    return isinstance(statement, ast.Pass) or _may_be_prose(statement) or raised


def _is_ellipsis(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and getattr(statement.value, "value", None) is ...


def _symbol_table(code: str) -> symtable.SymbolTable | None:
    try:
        return symtable.symtable(code, "answer", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)
