"""The program in a completion, which may be a chat model's answer.

It is the last block that parses and defines the requested function; if no function is requested, the last one that
parses and reads its input. Blocks that bind the names that it needs are put before it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rayboot.problems import Problem
from rayboot.problems.types import Language
from rayboot.prompts.answer import MAX_ANSWER_CHARS, answer_turns, has_marks
from rayboot.prompts.blocks import before_fences, code_readings, is_fenced, normalized
from rayboot.prompts.segments import code_segments
from rayboot.prompts.source import (
    bound_names,
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
    whole_lines,
    without_examples_above,
    writes_output,
)

WHOLE, METHOD, BODY, BROKEN, OTHER, FRAGMENT = 6, 5, 4, 3, 2, 1
"""Grades of candidates: the program; one whose function is a method of `Solution`; a body after the starter code; a
broken program; other code; a fragment."""

MAX_BLOCKS = 50
"""Number of an answer's last blocks that are read, to bound the time if a model repeats itself."""


def program_of(problem: Problem, completion: str, continues: bool) -> str:
    """Return the whole program in a completion: code, or an answer that contains code.

    If it `continues` the starter code, it may also repeat the whole program: in Python its definition follows the first
    one and replaces it; in other languages it replaces the starter code.
    """
    starter = problem.starter_code if continues else ""
    extraction = _Extraction(starter, problem.entry_point, problem.language)
    program = extraction.program(completion.removeprefix("\ufeff")).rstrip()
    return program if starter else program.lstrip("\r\n")


class _Extraction(NamedTuple):
    starter: str
    entry_point: str
    language: Language

    def program(self, completion: str) -> str:
        plain = self._assemble(completion)
        if len(completion) <= MAX_ANSWER_CHARS and self._is_code(completion, plain):
            return plain
        best = (0, plain)
        for turns in answer_turns(completion, self.language):
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
        if self.language != "python" and (is_fenced(completion) or has_marks(plain, self.language)):
            return False  # a parser would accept it
        pieces = code_segments(plain, self.language)
        if len(pieces) != 1 or pieces[0].strip() != plain.strip() or not parses(plain, self.language):
            return False
        return not self.starter or self._defines(plain)

    def _candidates(self, text: str) -> Iterator[tuple[int, str]]:
        head = before_fences(text)
        if self.starter and head.strip():
            program = next(iter(code_segments(self.starter + head, self.language)), "")
            if program.startswith(self.starter.strip("\n")) and self._parses_and_defines(program):
                yield BODY, program
        for fenced, blocks in code_readings(text, self.language):
            if not fenced and self.language == "python":
                blocks = [without_examples_above(block, self.entry_point) for block in blocks]
            for grade, program in self._from_blocks(blocks[-MAX_BLOCKS:]):
                if fenced or grade >= BODY:
                    yield grade, program

    def _from_blocks(self, blocks: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield the candidates of one reading, from the last block on."""
        code_blocks = [normalized(block, self.language) for block in blocks]
        has_body = False
        for index in reversed(range(len(blocks))):
            code, block = code_blocks[index], blocks[index]
            if self._is_excerpt(block, [each for each in code_blocks[:index] if each]):
                continue
            if code is None or (not self._defines(code) and self._defines(block)):
                yield (BROKEN if self._defines(block) else FRAGMENT), self._assemble(block)
                code = block
            else:
                dependencies = self._dependencies(code, index, code_blocks)
                program = hoisted("\n".join([*dependencies, code]), self.language) if dependencies else code
                yield self._grade(code, program, dependencies), self._assemble(program)
            if self.starter and not self._defines(code):
                for body in self._bodies(code):
                    has_body = True
                    yield BODY, body
        joined = "\n".join(blocks)
        if self.entry_point and len(blocks) > 1 and not has_body and parses(joined, self.language):
            yield self._grade(joined, joined, []), self._assemble(hoisted(joined, self.language))

    def _is_excerpt(self, block: str, earlier: Sequence[str]) -> bool:
        """Return whether the block repeats only the first lines of an earlier function, or a part of a program."""
        if not self.entry_point:
            return any(_stripped_lines(block) in _stripped_lines(each) for each in earlier)
        beginning = re.compile(rf"^[ \t]*{re.escape(block.strip())}[ \t]*\n+[ \t]+\S", re.MULTILINE)
        return any(beginning.search(each) for each in earlier)

    def _dependencies(self, code: str, index: int, code_blocks: Sequence[str | None]) -> list[str]:
        """Return the blocks that bind names that the one at `index` needs, in order.

        Earlier blocks are searched first, from the nearest on, then later ones.
        """
        found: dict[int, str] = {}
        has_braces = self.language != "python"
        own = bound_names(code, self.language)
        missing = free_names(code, self.language)
        for other in [*reversed(range(index)), *range(index + 1, len(code_blocks))]:
            part = code_blocks[other]
            if part is None or not missing or part.strip() in code:
                continue
            bound = bound_names(part, self.language)
            if has_braces and (self._defines(part) or bound & own):
                continue  # a second definition would be an error
            if has_braces and self.entry_point and self._calls(part):
                continue  # an example, with variables named as the function's
            if not self.entry_point and reads_input(part) and reads_input(code):
                continue  # a second program
            if bound & missing or "*" in bound or has_only_imports(part):
                found[other] = part
                missing = (missing - bound) | (free_names(part, self.language) - own)
        return [found[number] for number in sorted(found)]

    def _grade(self, code: str, program: str, dependencies: Sequence[str]) -> int:
        if self.entry_point:
            if self._defines(code) and is_abridged(code, self.language):
                return BROKEN
            if defines(code, self.entry_point, self.language, method=False):
                return WHOLE
            return METHOD if self._defines(code) else OTHER
        if not (has_effect(code, self.language) and reads_input(program) and writes_output(program)):
            return OTHER
        needs_other_program = any(has_effect(each, self.language) for each in dependencies)
        return WHOLE if reads_input(code) or not needs_other_program else OTHER

    def _bodies(self, code: str) -> Iterator[str]:
        """Yield the code as the rest of what `starter` begins."""
        if self.language != "python":
            yield from self._close_brackets(self.starter + code)
        elif re.search(r"^\s*(?:return|yield|raise)\b", code, re.MULTILINE):
            last = self.starter.rstrip().rpartition("\n")[2]
            indent = last[: len(last) - len(last.lstrip())] + "    " * last.endswith(":")
            program = whole_lines(self.starter) + textwrap.indent(textwrap.dedent(code), indent)
            if self._parses_and_defines(program):
                yield program

    def _close_brackets(self, code: str) -> Iterator[str]:
        """Yield the code with the closing brackets that it lacks."""
        missing = missing_brackets(code, self.language)
        if missing is not None and len(missing) <= 3:
            yield code.rstrip("\n") + "".join("\n" + bracket for bracket in missing)

    def _defines(self, code: str) -> bool:
        return defines(code, self.entry_point, self.language)

    def _calls(self, code: str) -> bool:
        return re.search(rf"\b{re.escape(self.entry_point)}\s*\(", code) is not None

    def _parses_and_defines(self, program: str) -> bool:
        return parses(program, self.language) and self._defines(program)

    def _assemble(self, code: str) -> str:
        """Return the program of code that continues `starter`, or repeats the whole program."""
        starter, language = self.starter, self.language
        if not starter or code.startswith(starter.rstrip()):
            return code
        is_whole = self._defines(code)
        header = header_lines(starter, language)
        if language == "python":
            joined = hoisted(starter + code if code[:1].isspace() else whole_lines(starter) + code, language)
            if is_whole and not parses(joined, language):
                return hoisted(whole_lines("\n".join(header)) + code, language)
            return joined
        if not is_whole:
            return starter + code
        above = starter[: definition_start(starter, self.entry_point, language)]
        if language == "java" and not bound_names(code, language):
            return next(self._close_brackets(above + code), above + code)
        if language != "java" and bound_names(above, language) - bound_names(code, language):
            return hoisted(above + code, language)
        return whole_lines("\n".join(line for line in header if line not in code)) + code


def _stripped_lines(code: str) -> str:
    """Return the lines without indentation, between line ends."""
    return "\n".join(["", *map(str.strip, code.strip().split("\n")), ""])
