"""The program in a completion, which may be a chat model's answer.

Of the blocks of an answer, the last one counts that parses and defines the function that is asked for; without such a
function, the last that parses and reads its input. Blocks whose names it needs come before it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from rayboot.problems.types import Language
from rayboot.prompts.answer import LONGEST, above_fences, is_fenced, is_marked, mended, readings, spoken
from rayboot.prompts.show import lines
from rayboot.prompts.source import (
    acts,
    binds,
    defines,
    definition,
    header,
    hoisted,
    is_abridged,
    needs,
    only_imports,
    parses,
    reads_input,
    runs,
    unclosed,
    without_calls_above,
    writes_output,
)

WHOLE, METHOD, BODY, BROKEN, OTHER, SCRAP = 6, 5, 4, 3, 2, 1
"""What a candidate is: the program, one whose function is a method of `Solution`, its rest after a prompt's
beginning, a broken one, other code, a block."""

BLOCKS = 50
"""Number of an answer's last blocks that are read: a model that repeats itself must not cost minutes."""


def program_in(
    completion: str, before: str = "", entry_point: str = "", language: Language = "python"
) -> str:
    """The whole program of a completion.

    Args:
        completion: The model's text: code, or an answer with code in it.
        before: Code that the completion may continue, such as a function's signature. It may also be the whole program
            again: in Python its definition then follows the first and replaces it; elsewhere it takes its place.
        entry_point: The function that is asked for; empty for programs that read standard input.
        language: What the code is written in.
    """
    return _Extraction(before, entry_point, language).program(completion.removeprefix("\ufeff"))


class _Extraction:
    def __init__(self, before: str, entry_point: str, language: Language) -> None:
        self._before, self._entry_point, self._language = before, entry_point, language

    def program(self, completion: str) -> str:
        plain = self._joined(completion)
        if len(completion) <= LONGEST and self._is_code(completion, plain):
            return plain
        best = (0, plain)
        for turns in spoken(completion, self._language):
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
        """Whether the completion is code as it stands, without a word of prose."""
        if not completion.strip():
            return True
        if self._language != "python" and (is_fenced(completion) or is_marked(plain, self._language)):
            return False  # no parser would stumble over it
        pieces = runs(plain, self._language)
        if len(pieces) != 1 or pieces[0].strip() != plain.strip() or not parses(plain, self._language):
            return False
        return not self._before or self._defined(plain)

    def _candidates(self, text: str) -> Iterator[tuple[int, str]]:
        head = above_fences(text)
        if self._before and head.strip():
            program = next(iter(runs(self._before + head, self._language)), "")
            if program.startswith(self._before.strip("\n")) and self._defined(program):
                yield BODY, program
        for fenced, blocks in readings(text, self._language):
            if not fenced and self._language == "python":
                blocks = [without_calls_above(block, self._entry_point) for block in blocks]
            for grade, program in self._of_blocks(blocks[-BLOCKS:]):
                if fenced or grade >= BODY:
                    yield grade, program

    def _of_blocks(self, blocks: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Candidates of one reading, the last block's first."""
        parts = [mended(block, self._language) for block in blocks]
        has_body = False
        for place in reversed(range(len(blocks))):
            code, block = parts[place], blocks[place]
            if self._is_quoted(block, [each for each in parts[:place] if each]):
                continue
            if code is None or (not self._defines(code) and self._defines(block)):
                yield (BROKEN if self._defines(block) else SCRAP), self._joined(block)
                code = block
            else:
                needed = self._needed(place, parts)
                program = hoisted("\n".join([*needed, code]), self._language) if needed else code
                yield self._grade(code, program, needed), self._joined(program)
            if self._before and not self._defines(code):
                for body in self._bodies(code):
                    has_body = True
                    yield BODY, body
        together = "\n".join(blocks)
        if self._entry_point and len(blocks) > 1 and not has_body and parses(together, self._language):
            yield self._grade(together, together, []), self._joined(hoisted(together, self._language))

    def _is_quoted(self, block: str, earlier: Sequence[str]) -> bool:
        """Whether it only explains: the first lines of an earlier function, or a part of an earlier program."""
        if not self._entry_point:
            return any(_flat(block) in _flat(each) for each in earlier)
        beginning = re.compile(rf"^[ \t]*{re.escape(block.strip())}[ \t]*\n+[ \t]+\S", re.MULTILINE)
        return any(beginning.search(each) for each in earlier)

    def _needed(self, place: int, parts: Sequence[str | None]) -> list[str]:
        """Blocks that bind what this one needs: nearer ones first looked at, and those below it last."""
        found: set[int] = set()
        code = parts[place] or ""
        missing = needs(code, self._language)
        for other in [*range(place - 1, -1, -1), *range(place + 1, len(parts))]:
            part = parts[other]
            if part is None or not missing or part.strip() in code:
                continue
            bound = binds(part, self._language)
            if self._language != "python" and (self._defines(part) or bound & binds(code, self._language)):
                continue  # two definitions are one too many there
            if self._language != "python" and self._entry_point and self._calls(part):
                continue  # an example, whose variables have the names of the function's
            if not self._entry_point and reads_input(part) and reads_input(code):
                continue  # and so are two programs
            if bound & missing or "*" in bound or only_imports(part):
                found.add(other)
                missing = (missing - bound) | (needs(part, self._language) - binds(code, self._language))
        return [part for number in sorted(found) if (part := parts[number])]

    def _grade(self, code: str, program: str, needed: Sequence[str]) -> int:
        if self._entry_point:
            if self._defines(code) and is_abridged(code, self._language):
                return BROKEN
            if defines(code, self._entry_point, self._language, method=False):
                return WHOLE
            return METHOD if self._defines(code) else OTHER
        if not (acts(code, self._language) and reads_input(program) and writes_output(program)):
            return OTHER
        helped_by_a_program = any(acts(each, self._language) for each in needed)
        return WHOLE if reads_input(code) or not helped_by_a_program else OTHER

    def _bodies(self, code: str) -> Iterator[str]:
        """The code as the rest of what `before` begins."""
        if self._language != "python":
            yield from self._closed(self._before + code)
        elif re.search(r"^\s*(?:return|yield|raise)\b", code, re.MULTILINE):
            last = self._before.rstrip().rpartition("\n")[2]
            indent = last[: len(last) - len(last.lstrip())] + "    " * last.endswith(":")
            program = lines(self._before) + textwrap.indent(textwrap.dedent(code), indent)
            if self._defined(program):
                yield program

    def _closed(self, code: str) -> Iterator[str]:
        """The code with the closing brackets that it lacks."""
        missing = unclosed(code, self._language)
        if missing is not None and len(missing) <= 3:
            yield code.rstrip("\n") + "".join("\n" + bracket for bracket in missing)

    def _defines(self, code: str) -> bool:
        return defines(code, self._entry_point, self._language)

    def _calls(self, code: str) -> bool:
        return re.search(rf"\b{re.escape(self._entry_point)}\s*\(", code) is not None

    def _defined(self, program: str) -> bool:
        return parses(program, self._language) and self._defines(program)

    def _joined(self, code: str) -> str:
        """The program of code that goes on where `before` ends, or that is the whole program again."""
        before, language = self._before, self._language
        if not before or code.startswith(before.rstrip()):
            return code
        whole = self._defines(code)
        if language == "python":
            joined = hoisted(before + code if code[:1].isspace() else lines(before) + code, language)
            return (
                joined
                if not whole or parses(joined, language)
                else hoisted(lines("\n".join(header(before, language))) + code, language)
            )
        if not whole:
            return before + code
        above = before[: definition(before, self._entry_point, language)]
        if language == "java" and not binds(code, language):
            return next(self._closed(above + code), above + code)
        if language != "java" and binds(above, language) - binds(code, language):
            return hoisted(above + code, language)
        return lines("\n".join(line for line in header(before, language) if line not in code)) + code


def _flat(code: str) -> str:
    """The lines without their indentation, each between line ends."""
    return "\n".join(["", *map(str.strip, code.strip().split("\n")), ""])
