"""Syntax, names and definitions of source code: for Python by its parser, for other languages by their tokens."""

from __future__ import annotations

import ast
import builtins
import json
import re
import symtable
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Error, Operator, Punctuation, String

from rayboot.problems.types import Language

_HEADER: dict[Language, str] = {
    "python": r"from |import ",
    "java": r"package |import ",
    "go": r"package ",
    "perl": r"use ",
    "swift": r"import ",
    "javascript": r"['\"]use strict",
}
"""Beginnings of lines that an answer may leave out. In all languages but Python they must precede all others."""
_TOP_LEVEL_DEFINITION: dict[Language, str] = {
    "javascript": r"(?:export[ \t]+|async[ \t]+|default[ \t]+){0,3}function\b\s*\*?\s*([\w$]+)"
    r"|(?:export\s+)?(?:const|let|var|class)\s+([\w$]+)",
    "java": r"(?:[\w@]+[ \t]+){0,6}(?:class|interface|enum|record)\s+(\w+)",
    "perl": r"sub\s+(\w+)|(?:my|our)\s+[$@%](\w+)",
    "go": r"func\s+(?:\([^)]*\)\s*)?(\w+)|(?:type|var|const)\s+(\w+)",
    "swift": r"(?:[\w@]+[ \t]+){0,6}(?:func|class|struct|enum|protocol|let|var)\s+(\w+)",
}
"""Definitions without indentation, in languages without a parser here."""
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
OPENING, CLOSING = "([{", ")]}"
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


def whole_lines(text: str) -> str:
    """Return the text with a newline at its end; an empty text stays empty."""
    return text.rstrip("\n") + "\n" if text else ""


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
        return tree is not None and not all(map(may_be_prose, tree.body))
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
    for bracket in brackets(code, language):
        if bracket in OPENING:
            stack.append(CLOSING[OPENING.index(bracket)])
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
    if tree is not None:
        return any(_defines(statement, name, method) for statement in _top_level(tree.body))
    found = code[definition_start(code, name, language) :]
    return bool(found) and (language == "python" or _has_body(found, language))


def _has_body(code: str, language: Language) -> bool:
    """Return whether the definition at the beginning of the code has a body with more than comments."""
    code_text = _without_comments(code, language)
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
    return [line for line in code.splitlines() if re.match(_HEADER[language], line)]


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
        all_of_module = r"^import [\w.]+\.\*;"
    elif table := _symbol_table(code):
        names = {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
        }
        all_of_module = r"^from [\w.]+ import \*"
    else:
        return frozenset()
    return frozenset(names | {"*"} if re.search(all_of_module, code, re.MULTILINE) else names)


def has_only_imports(code: str) -> bool:
    """Return whether code with braces has only imports, whose bound names are unknown."""
    return all(map(_IMPORT.match, code.split("\n")))


@lru_cache(maxsize=64)
def free_names(code: str, language: Language) -> frozenset[str]:
    """Return the names that the code uses and does not bind; without a parser, all its words."""
    if language != "python":
        code_text = re.sub(
            r"^(?:package|import) .*", "", _without_comments(code, language), flags=re.MULTILINE
        )
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
    lines = code.splitlines(keepends=True)
    if language == "python":
        tree = syntax_tree(code)
        imports = [node for node in (tree.body if tree else ()) if isinstance(node, ast.ImportFrom)]
        futures = [node for node in imports if node.module == "__future__"]
        indices = [
            number for node in futures for number in range(node.lineno - 1, node.end_lineno or node.lineno)
        ]
    else:
        indices = [number for number, line in enumerate(lines) if re.match(_HEADER[language], line)]
    if indices == list(range(len(indices))):
        return code
    first = dict.fromkeys(lines[number].rstrip("\n") + "\n" for number in indices)
    return "".join([*first, *(line for number, line in enumerate(lines) if number not in indices)])


def lex(code: str, language: Language) -> Iterator[tuple[str, str]]:
    """Yield the parts of the code, each with its kind: `string`, `comment` or `code`."""
    for kind, tokens in groupby(_lexer(language).get_tokens_unprocessed(code), key=_kind):
        yield kind, "".join(text for _, _, text in tokens)


def _kind(token: tuple[int, object, str]) -> str:
    _, kind, text = token
    if kind in Comment:
        return "comment"
    is_handle = kind in String.Regex and text.startswith("<")  # Perl's <STDIN>
    return "string" if kind in String and not is_handle else "code"


def _without_comments(code: str, language: Language) -> str:
    return "".join(text for kind, text in lex(code, language) if kind != "comment")


def brackets(code: str, language: Language) -> Iterator[str]:
    """Yield the brackets of the code outside strings and comments, and a `?` for each token that is not code."""
    for _, kind, text in _lexer(language).get_tokens_unprocessed(code):
        if kind in Error:
            yield from "?" * bool(text.strip())
        elif kind in Punctuation or kind in Operator:
            yield from (bracket for bracket in text if bracket in OPENING + CLOSING)


@cache
def _lexer(language: Language) -> Lexer:
    return get_lexer_by_name(language)


def may_be_prose(statement: ast.stmt) -> bool:
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
    match value:
        case ast.Call(func=ast.Name(id=called)):
            return called != name
    return isinstance(value, ast.Lambda | ast.Name | ast.Attribute | ast.Call | ast.IfExp | ast.Subscript)


def _is_stub(statement: ast.stmt) -> bool:
    """Return whether a statement stands for a missing body: pass, a docstring, three dots or NotImplementedError."""
    raised = isinstance(statement, ast.Raise) and "NotImplemented" in ast.dump(statement)
    return isinstance(statement, ast.Pass) or may_be_prose(statement) or raised


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
