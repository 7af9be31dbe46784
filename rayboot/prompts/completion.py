"""The program in a completion, which may be a chat model's answer.

It is the last block that parses and defines the requested function; if no function is requested, the last one that
parses and reads its input. Blocks that bind the names that it needs are put before it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from rayboot.problems.types import Language
from rayboot.prompts.answer import (
    MAX_ANSWER_CHARS,
    answer_turns,
    before_fences,
    code_readings,
    has_marks,
    is_fenced,
    normalized,
)
from rayboot.prompts.show import whole_lines
from rayboot.prompts.source import (
    bound_names,
    code_segments,
    defines,
    definition_start,
    free_names,
    has_effect,
    has_only_imports,
    header_lines,
    hoisted,
    is_abridged,
    missing_brackets,
    parses,
    reads_input,
    without_examples_above,
    writes_output,
)

WHOLE, METHOD, BODY, BROKEN, OTHER, FRAGMENT = 6, 5, 4, 3, 2, 1
"""Grades of candidates: the program; one whose function is a method of `Solution`; a body after the starter code; a
broken program; other code; a fragment."""

BLOCKS = 50
"""Number of an answer's last blocks that are read, to bound the time if a model repeats itself."""


def program_in(
    completion: str, starter: str = "", entry_point: str = "", language: Language = "python"
) -> str:
    """Return the whole program in a completion.

    Args:
        completion: The model's text: code, or an answer that contains code.
        starter: Code that the completion may continue, such as a function's signature. A completion may also repeat the
            whole program: in Python its definition follows the first one and replaces it; in other languages it
            replaces the starter code.
        entry_point: The requested function; empty for programs that read standard input.
        language: Language of the code.
    """
    return _Extraction(starter, entry_point, language).program(completion.removeprefix("\ufeff"))


class _Extraction:
    def __init__(self, starter: str, entry_point: str, language: Language) -> None:
        self._starter, self._entry_point, self._language = starter, entry_point, language

    def program(self, completion: str) -> str:
        plain = self._assemble(completion)
        if len(completion) <= MAX_ANSWER_CHARS and self._is_code(completion, plain):
            return plain
        best = (0, plain)
        for turns in answer_turns(completion, self._language):
            for turn in turns:
                for candidate in self._candidates(turn):
                    if candidate[0] == WHOLE:
                        return candidate[1]
                    best = max(best, candidate, key=lambda each: each[0])
                if best[0] >= BODY:
                    return best[1]
            if best[0]:
                break
        return best[1]

    def _is_code(self, completion: str, plain: str) -> bool:
        """Return whether the completion is only code, without prose."""
        if not completion.strip():
            return True
        if self._language != "python" and (is_fenced(completion) or has_marks(plain, self._language)):
            return False  # a parser would accept it
        pieces = code_segments(plain, self._language)
        if len(pieces) != 1 or pieces[0].strip() != plain.strip() or not parses(plain, self._language):
            return False
        return not self._starter or self._parses_and_defines(plain)

    def _candidates(self, text: str) -> Iterator[tuple[int, str]]:
        head = before_fences(text)
        if self._starter and head.strip():
            program = next(iter(code_segments(self._starter + head, self._language)), "")
            if program.startswith(self._starter.strip("\n")) and self._parses_and_defines(program):
                yield BODY, program
        for fenced, blocks in code_readings(text, self._language):
            if not fenced and self._language == "python":
                blocks = [without_examples_above(block, self._entry_point) for block in blocks]
            for grade, program in self._from_blocks(blocks[-BLOCKS:]):
                if fenced or grade >= BODY:
                    yield grade, program

    def _from_blocks(self, blocks: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield the candidates of one reading, from the last block on."""
        code_blocks = [normalized(block, self._language) for block in blocks]
        has_body = False
        for index in reversed(range(len(blocks))):
            code, block = code_blocks[index], blocks[index]
            if self._is_excerpt(block, [each for each in code_blocks[:index] if each]):
                continue
            if code is None or (not self._defines(code) and self._defines(block)):
                yield (BROKEN if self._defines(block) else FRAGMENT), self._assemble(block)
                code = block
            else:
                dependencies = self._dependencies(index, code_blocks)
                program = hoisted("\n".join([*dependencies, code]), self._language) if dependencies else code
                yield self._grade(code, program, dependencies), self._assemble(program)
            if self._starter and not self._defines(code):
                for body in self._bodies(code):
                    has_body = True
                    yield BODY, body
        joined = "\n".join(blocks)
        if self._entry_point and len(blocks) > 1 and not has_body and parses(joined, self._language):
            yield self._grade(joined, joined, []), self._assemble(hoisted(joined, self._language))

    def _is_excerpt(self, block: str, earlier: Sequence[str]) -> bool:
        """Return whether the block repeats only the first lines of an earlier function, or a part of a program."""
        if not self._entry_point:
            return any(_stripped_lines(block) in _stripped_lines(each) for each in earlier)
        beginning = re.compile(rf"^[ \t]*{re.escape(block.strip())}[ \t]*\n+[ \t]+\S", re.MULTILINE)
        return any(beginning.search(each) for each in earlier)

    def _dependencies(self, index: int, code_blocks: Sequence[str | None]) -> list[str]:
        """Return the blocks that bind names that this one needs, in order.

        Earlier blocks are searched first, from the nearest on, then later ones.
        """
        found: set[int] = set()
        code = code_blocks[index] or ""
        missing = free_names(code, self._language)
        for other in [*range(index - 1, -1, -1), *range(index + 1, len(code_blocks))]:
            part = code_blocks[other]
            if part is None or not missing or part.strip() in code:
                continue
            bound = bound_names(part, self._language)
            if self._language != "python" and (
                self._defines(part) or bound & bound_names(code, self._language)
            ):
                continue  # a second definition would be an error
            if self._language != "python" and self._entry_point and self._calls(part):
                continue  # an example, with variables named as the function's
            if not self._entry_point and reads_input(part) and reads_input(code):
                continue  # a second program
            if bound & missing or "*" in bound or has_only_imports(part):
                found.add(other)
                missing = (missing - bound) | (
                    free_names(part, self._language) - bound_names(code, self._language)
                )
        return [part for number in sorted(found) if (part := code_blocks[number])]

    def _grade(self, code: str, program: str, dependencies: Sequence[str]) -> int:
        if self._entry_point:
            if self._defines(code) and is_abridged(code, self._language):
                return BROKEN
            if defines(code, self._entry_point, self._language, method=False):
                return WHOLE
            return METHOD if self._defines(code) else OTHER
        if not (has_effect(code, self._language) and reads_input(program) and writes_output(program)):
            return OTHER
        needs_other_program = any(has_effect(each, self._language) for each in dependencies)
        return WHOLE if reads_input(code) or not needs_other_program else OTHER

    def _bodies(self, code: str) -> Iterator[str]:
        """Yield the code as the rest of what `starter` begins."""
        if self._language != "python":
            yield from self._close_brackets(self._starter + code)
        elif re.search(r"^\s*(?:return|yield|raise)\b", code, re.MULTILINE):
            last = self._starter.rstrip().rpartition("\n")[2]
            indent = last[: len(last) - len(last.lstrip())] + "    " * last.endswith(":")
            program = whole_lines(self._starter) + textwrap.indent(textwrap.dedent(code), indent)
            if self._parses_and_defines(program):
                yield program

    def _close_brackets(self, code: str) -> Iterator[str]:
        """Yield the code with the closing brackets that it lacks."""
        missing = missing_brackets(code, self._language)
        if missing is not None and len(missing) <= 3:
            yield code.rstrip("\n") + "".join("\n" + bracket for bracket in missing)

    def _defines(self, code: str) -> bool:
        return defines(code, self._entry_point, self._language)

    def _calls(self, code: str) -> bool:
        return re.search(rf"\b{re.escape(self._entry_point)}\s*\(", code) is not None

    def _parses_and_defines(self, program: str) -> bool:
        return parses(program, self._language) and self._defines(program)

    def _assemble(self, code: str) -> str:
        """Return the program of code that continues `starter`, or repeats the whole program."""
        starter, language = self._starter, self._language
        if not starter or code.startswith(starter.rstrip()):
            return code
        is_whole = self._defines(code)
        if language == "python":
            joined = hoisted(starter + code if code[:1].isspace() else whole_lines(starter) + code, language)
            return (
                joined
                if not is_whole or parses(joined, language)
                else hoisted(whole_lines("\n".join(header_lines(starter, language))) + code, language)
            )
        if not is_whole:
            return starter + code
        above = starter[: definition_start(starter, self._entry_point, language)]
        if language == "java" and not bound_names(code, language):
            return next(self._close_brackets(above + code), above + code)
        if language != "java" and bound_names(above, language) - bound_names(code, language):
            return hoisted(above + code, language)
        return (
            whole_lines("\n".join(line for line in header_lines(starter, language) if line not in code))
            + code
        )


def _stripped_lines(code: str) -> str:
    """Return the lines without indentation, between line ends."""
    return "\n".join(["", *map(str.strip, code.strip().split("\n")), ""])
