"""What a piece of source binds and needs: of Python by its parser, of other languages by their tokens."""

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
"""How the lines begin that stand above everything else, and that an answer may leave out."""

_MARGIN: dict[Language, str] = {
    "python": r"(?:async\s+)?def\s+(\w+)|class\s+(\w+)|(\w+)\s*=[^=]",
    "javascript": r"(?:export[ \t]+|async[ \t]+|default[ \t]+){0,3}function\b\s*\*?\s*([\w$]+)"
    r"|(?:export\s+)?(?:const|let|var|class)\s+([\w$]+)",
    "java": r"(?:[\w@]+[ \t]+){0,6}(?:class|interface|enum|record)\s+(\w+)",
    "perl": r"sub\s+(\w+)|(?:my|our)\s+[$@%](\w+)",
    "go": r"func\s+(?:\([^)]*\)\s*)?(\w+)|(?:type|var|const)\s+(\w+)",
    "swift": r"(?:[\w@]+[ \t]+){0,6}(?:func|class|struct|enum|protocol|let|var)\s+(\w+)",
}
"""Definitions at the margin."""
_NAMED: dict[Language, str] = {
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
_GOES_ON = re.compile(r"(?:else|elif|except|finally)\b.*:|[)\]}]")
_LABELLED = re.compile(r"^[\w *]{1,30}: +(?=(?:async )?(?:def|class) \w+[(:])", re.MULTILINE)
_CHUNKS = 30
"""Pieces at the margin that may belong to one Python statement."""
_OPENING, _CLOSING = "([{", ")]}"
_READS = re.compile(
    r"\binput\s*\(|\bstdin\b|\b(?:open|readFileSync)\s*\(\s*0|fileinput|STDIN|<>|System\.in|os\.Stdin|readLine|"
    r"/dev/stdin|\bfmt\.Scan"
)
_WRITES = re.compile(r"\bprint|\bwrite|\bsay\b|\bconsole\.|\bSystem\.out\b|\bfmt\.F?[Pp]rint")
_LEFT_OUT = re.compile(
    r"^\s*(?:#|//)\s*(?:\.\.\.|\u2026)\s*(?:$|\(?(?:rest|existing|same|remaining|other|previous|unchanged|as above)\b)",
    re.MULTILINE,
)
_FEIGNS = re.compile(r"\bstdin\s*=\s*(?:io\.)?StringIO\s*\(|\bpatch\(|\bsubprocess\b")
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


@lru_cache(maxsize=64)
def tree_of(code: str) -> ast.Module | None:
    """Python's syntax tree; None for what does not parse."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parses(code: str, language: Language) -> bool:
    """Whether it is code that says something; where there is no parser, whether its tokens and brackets go together."""
    if language == "python":
        tree = tree_of(code)
        return tree is not None and not all(map(_says_nothing, tree.body))
    return bool(code.strip()) and unclosed(code, language) == "" and not _is_json(code)


def _is_json(code: str) -> bool:
    try:
        json.loads(code)
    except (ValueError, RecursionError):
        return False
    return True


@lru_cache(maxsize=64)
def unclosed(code: str, language: Language) -> str | None:
    """The brackets that are missing at the end; None where the code is broken otherwise."""
    stack: list[str] = []
    for sign in _brackets(code, language):
        if sign in _OPENING:
            stack.append(_CLOSING[_OPENING.index(sign)])
        elif not stack or stack.pop() != sign:
            return None
    return "".join(reversed(stack))


def defines(code: str, name: str, language: Language, *, method: bool = True) -> bool:
    """Whether the code defines the function: in Python at the top, with a body, or if so wished as a method of
    `Solution`."""
    if not name:
        return False
    tree = tree_of(code) if language == "python" else None
    if tree is None:
        found = code[definition(code, name, language) :]
        return bool(found) and (language == "python" or _has_body(found, language))
    return any(_defines(statement, name, method) for statement in _top(tree.body))


def _has_body(code: str, language: Language) -> bool:
    """Whether the definition at the code's beginning has a body with more than comments in it."""
    said = "".join(text for kind, text in parts(code, language) if kind != "comment")
    while (flat := re.sub(r"\([^()]*\)", "_", said)) != said:
        said = flat
    return re.search(r"^[^{]*=>\s*[^\s{]|^[^{]*(?:\{\s*\}\s*)*\{\s*[^\s}]", said) is not None


def without_calls_above(code: str, name: str) -> str:
    """Python's code without the examples and tests that the statement of a task shows above the function."""
    tree = tree_of(code) if name else None
    body = tree.body if tree else []
    place = next((place for place, each in enumerate(body) if _defines(each, name, True)), 0)
    rows = code.split("\n")
    for each in body[:place]:
        used = any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(each))
        if used and isinstance(each, ast.Assert | ast.Expr | ast.Assign):
            end = each.end_lineno or each.lineno
            rows[each.lineno - 1 : end] = [""] * (end - each.lineno + 1)
    return "\n".join(rows).lstrip("\n") if place else code


def definition(code: str, name: str, language: Language) -> int:
    """Where the function's definition begins; the end where there is none."""
    match = re.search(_NAMED[language].replace("{name}", re.escape(name)), code, re.MULTILINE)
    return match.start() if match else len(code)


def header(code: str, language: Language) -> list[str]:
    """The lines that stand above everything else, Python's imports among them."""
    first = r"from |import " if language == "python" else HEADER[language]
    return [line for line in code.splitlines() if re.match(first, line)]


def reads_input(code: str) -> bool:
    """Whether the code looks at its standard input, and does not make one up to try a program."""
    return _READS.search(code) is not None and _FEIGNS.search(code) is None


def writes_output(code: str) -> bool:
    """Whether the code looks as if it printed: an example of how to read does not."""
    return _WRITES.search(code) is not None


def is_abridged(code: str, language: Language) -> bool:
    """Whether the code leaves out what stands in another piece: by three dots among statements, or by a comment."""
    tree = tree_of(code) if language == "python" else None
    bodies = (getattr(node, "body", None) for node in (ast.walk(tree) if tree else ()))
    dots = any(isinstance(body, list) and any(map(_is_dots, body[1:])) for body in bodies)
    return dots or _LEFT_OUT.search(code) is not None


def acts(code: str, language: Language) -> bool:
    """Whether the code does something when it is run, and does not only define."""
    if language in ("go", "java"):
        return re.search(r"\bmain\s*\(", code) is not None
    tree = tree_of(code) if language == "python" else None
    idle = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign
    return tree is None or any(not isinstance(each, idle | ast.AnnAssign) for each in tree.body)


@lru_cache(maxsize=64)
def binds(code: str, language: Language) -> frozenset[str]:
    """Names that the code gives a meaning to at its top; `*` for those of a whole module."""
    if language != "python":
        found = re.finditer(rf"^(?:{_MARGIN[language]})", code, re.MULTILINE)
        names = {name for match in found for name in match.groups() if name}
        return frozenset(names | ({"*"} if re.search(r"^import [\w.]+\.\*;", code, re.MULTILINE) else set()))
    table = _table(code)
    if table is None:
        return frozenset()
    bound = {
        s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()
    }
    return frozenset(bound | ({"*"} if re.search(r"^from [\w.]+ import \*", code, re.MULTILINE) else set()))


def only_imports(code: str) -> bool:
    """Whether code with braces is nothing but imports, which do not say what they bind."""
    return all(map(_IMPORT.match, code.split("\n")))


@lru_cache(maxsize=64)
def needs(code: str, language: Language) -> frozenset[str]:
    """Names that the code uses and does not bind; where there is no parser, all its words."""
    if language != "python":
        said = "".join(text for kind, text in parts(code, language) if kind != "comment")
        said = re.sub(r"^(?:package|import) .*", "", said, flags=re.MULTILINE)
        return frozenset(re.findall(r"[\w$]+", said)) - binds(code, language)
    table = _table(code)
    if table is None:
        return frozenset()
    used = {
        symbol.get_name()
        for each in _scopes(table)
        for symbol in each.get_symbols()
        if symbol.is_referenced() and (each is table or symbol.is_global())
    }
    return frozenset(used - binds(code, language) - _BUILTINS)


def hoisted(code: str, language: Language) -> str:
    """The code with the lines first that must be first, each once."""
    header = re.compile(rf"(?:{HEADER[language]}).*\n?")
    lines = code.splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if header.match(line)]
    if language == "python":
        tree = tree_of(code)
        futures = (
            [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
            if tree
            else []
        )
        places = [number for s in futures for number in range(s.lineno - 1, s.end_lineno or s.lineno)]
    if places == list(range(len(places))):
        return code
    top = dict.fromkeys(lines[number].rstrip("\n") + "\n" for number in places)
    return "".join([*top, *(line for number, line in enumerate(lines) if number not in set(places))])


def runs(text: str, language: Language) -> list[str]:
    """The pieces of code in prose, in order; none where prose and broken code cannot be told apart."""
    return list(_python_runs(text) if language == "python" else _braced_runs(text, language))


def _python_runs(text: str) -> list[str]:
    chunks: list[str] = []
    for line in _LABELLED.sub("", text).split("\n"):
        if chunks and (not line.strip() or line[0].isspace() or _GOES_ON.match(line)):
            chunks[-1] += "\n" + line
        else:
            chunks.append(line)
    found: list[list[str]] = [[]]
    broken: set[str] = set()
    place = 0
    while place < len(chunks):
        end = _statement_end(chunks, place)
        code = "\n".join(chunks[place:end])
        tree = tree_of(code)
        if tree is not None and not (tree.body and all(map(_says_nothing, tree.body))):
            found[-1].append(code)
        else:
            prose, _, below = code.partition("\n")  # code may be indented below a line of prose
            below = textwrap.dedent(below)
            found += [[below], []] if tree_of(prose.strip()) is None and parses(below, "python") else [[]]
            if end < len(chunks) and (match := re.match(r"(?:async\s+)?(?:def|class)\s+(\w+)\s*[(:]", code)):
                broken.add(match[1])
        place = end
    pieces = ["\n".join(run).strip("\n") for run in found]
    pieces = [piece for piece in pieces if parses(piece, "python")]
    return [] if broken.difference(*(binds(piece, "python") for piece in pieces)) else pieces


def _statement_end(chunks: list[str], place: int) -> int:
    """Where the statement ends that begins with a chunk: a string or a bracket may go over several."""
    if tree_of(chunks[place]) is None and _UNFINISHED.match(chunks[place]):
        for end in range(place + 2, min(place + _CHUNKS, len(chunks)) + 1):
            if tree_of("\n".join(chunks[place:end])) is not None:
                return end
    return place + 1


def _braced_runs(text: str, language: Language) -> Iterator[str]:
    run: list[str] = []
    depth, in_comment = 0, False
    for line in text.split("\n"):
        in_comment = (in_comment or line.lstrip().startswith("/*")) and "*/" not in line
        if in_comment:
            run.append(line)
        elif depth > 0 or not line.strip() or _CODE_LINE.match(line):
            run.append(line)
            signs = list(_brackets(line, language))  # a string over several lines is an error in each
            depth += sum(sign in _OPENING for sign in signs) - sum(sign in _CLOSING for sign in signs)
            depth = max(0, depth)
        else:
            yield from _worth(run, language)
            run = []
    yield from _worth(run, language)


def parts(code: str, language: Language) -> Iterator[tuple[str, str]]:
    """The code piece by piece, each with what it is: `string`, `comment` or `code`."""
    for _, kind, text in _lexer(language).get_tokens_unprocessed(code):
        is_handle = kind in String.Regex and text.startswith("<")  # Perl's <STDIN>
        yield (
            ("comment" if kind in Comment else "string" if kind in String and not is_handle else "code"),
            text,
        )


def _brackets(code: str, language: Language) -> Iterator[str]:
    """The brackets of the code, without those in strings and comments; a `?` for what is no code."""
    for _, kind, text in _lexer(language).get_tokens_unprocessed(code):
        if kind in Error:
            yield from "?" * bool(text.strip())
        elif kind in Punctuation or kind in Operator:
            yield from (sign for sign in text if sign in _OPENING + _CLOSING)


@cache
def _lexer(language: Language) -> Lexer:
    return get_lexer_by_name(language)


def _worth(run: list[str], language: Language) -> Iterator[str]:
    code = "\n".join(run).strip("\n")
    if code.strip() and unclosed(code, language) is not None:
        yield code


def _says_nothing(statement: ast.stmt) -> bool:
    """Whether a statement may be a word or a list of words, or the number of an example."""
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    return isinstance(statement, ast.Expr) and not any(
        isinstance(node, ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.Subscript)
        and not (isinstance(node, ast.Call) and ast.unparse(node.func) == "O")  # as of a complexity
        for node in ast.walk(statement)
    )


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module, those in its ifs and trys too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            yield from _top([*statement.body, *getattr(statement, "orelse", [])])


def _defines(statement: ast.stmt, name: str, method: bool) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return statement.name == name and not all(map(_is_stub, statement.body))
        case ast.ClassDef(name="Solution") if name != "Solution":
            return method and any(_defines(each, name, method) for each in statement.body)
        case ast.ClassDef():
            return statement.name == name
        case ast.Assign(targets=[ast.Name(id=target)]) | ast.AnnAssign(target=ast.Name(id=target)):
            return target == name and _may_be_called(statement.value, name)
    return False


def _may_be_called(value: ast.expr | None, name: str) -> bool:
    """Whether it may be a function, and not what the function of this name says of an example."""
    itself = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == name
    return (
        isinstance(value, ast.Lambda | ast.Name | ast.Attribute | ast.Call | ast.IfExp | ast.Subscript)
        and not itself
    )


def _is_stub(statement: ast.stmt) -> bool:
    """Whether it stands where a body would: nothing, a docstring, three dots, NotImplementedError."""
    raised = isinstance(statement, ast.Raise) and "NotImplemented" in ast.dump(statement)
    return isinstance(statement, ast.Pass) or _says_nothing(statement) or raised


def _is_dots(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and getattr(statement.value, "value", None) is ...


def _table(code: str) -> symtable.SymbolTable | None:
    try:
        return symtable.symtable(code, "answer", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)
