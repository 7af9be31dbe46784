"""Unified diffs: extracted from a completion, reversed, and searched for their files."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TAGGED = re.compile(r"<(patch|diff)>(.*?)(?:</\1>|\Z)", re.DOTALL)
_FENCED = re.compile(r"^```(?:diff|patch)[ \t]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
_HUNK = re.compile(r"@@ -(\d+(?:,\d+)?) \+(\d+(?:,\d+)?) @@(.*)", re.DOTALL)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""A line with its end. Sources may have form feeds, at which `str.splitlines` would split too."""
_EXTENDED = re.compile(r"(?:index|(?:old|new|new file|deleted file) mode|similarity index|rename|copy) ")
"""Lines that git writes between `diff --git` and `---`."""
_FILE_MODES = {"new file mode ": "deleted file mode ", "deleted file mode ": "new file mode "}
_FILE_MODES |= {"old mode ": "new mode ", "new mode ": "old mode "}


def extract_patch(completion: str) -> str:
    """Return the unified diff in a completion, with a newline at its end; empty if there is none.

    It is searched between tags `<patch>` or `<diff>`, as SWE-bench's prompts request
    (`swebench/inference/make_datasets`), then in a fence with that tag, then anywhere. Text around it is dropped.
    """
    tagged = [match[2] for match in _TAGGED.finditer(completion)]
    fenced = [match[1] for match in _FENCED.finditer(completion)]
    found = (_diff(text) for text in [*tagged, *fenced, completion])
    return next(filter(None, found), "")


def reversed_patch(patch: str) -> str:
    """Return the patch that reverses `patch`, which must not rename files."""
    reversed_lines: list[str] = []
    for line, in_hunk in _walk(patch):
        if in_hunk:
            reversed_lines.append({"+": "-", "-": "+"}.get(line[0], line[0]) + line[1:])
        elif match := _HUNK.fullmatch(line):
            reversed_lines.append(f"@@ -{match[2]} +{match[1]} @@{match[3]}")
        elif line.startswith("+++ "):  # swap the lines of the old name, which precedes, and of the new one
            old = reversed_lines.pop()
            reversed_lines += [_renamed("--- ", line, "a/"), _renamed("+++ ", old, "b/")]
        else:
            reversed_lines.append(_header(line))
    return "".join(reversed_lines)


def changed_files(patch: str) -> list[str]:
    """Return the files that a patch changes or deletes, by their old names, without files that it adds."""
    headers = (line for line, in_hunk in _walk(patch) if not in_hunk and line.startswith("--- "))
    names = (line[4:].partition("\t")[0].strip().removeprefix("a/") for line in headers)
    return [name for name in dict.fromkeys(names) if name != "/dev/null"]


def _walk(patch: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a patch, and whether each is in a hunk: there `--- ` may begin a removed line."""
    old = new = 0
    for line in _LINE.findall(patch):
        in_hunk = old > 0 or new > 0
        yield line, in_hunk
        if in_hunk:
            old, new = old - (line[0] not in "+\\"), new - (line[0] not in "-\\")
        elif match := _HUNK.fullmatch(line):
            old, new = _lengths(match)


def _lengths(hunk: re.Match[str]) -> tuple[int, int]:
    old, new = (int(span.partition(",")[2] or 1) for span in hunk.groups()[:2])
    return old, new


def _diff(text: str) -> str:
    """Return the lines of a text that belong to a diff; empty if they have no hunk of a file.

    Models count badly, so a hunk may be longer than its header says; it then ends at an empty line.
    """
    kept: list[str] = []
    state, left = "", 0
    for line in text.split("\n"):
        if line.startswith("diff --git ") or (line.startswith("--- ") and state != "hunk"):
            state = "header"
        elif line.startswith("+++ ") and state == "header":
            state = "file"
        elif line.startswith("@@ ") and state in ("file", "hunk"):
            state, match = "hunk", _HUNK.fullmatch(line)
            left = max(_lengths(match)) if match else 0
        elif state == "hunk" and (line[:1] in (" ", "+", "-", "\\") if line.rstrip("\r") else left > 0):
            left -= 1
        elif not (state == "header" and _EXTENDED.match(line)):
            state = ""
        if state:
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    is_diff = any(line.startswith("+++ ") for line in kept) and any(line.startswith("@@ ") for line in kept)
    return "\n".join([*kept, ""]) if is_diff else ""


def _renamed(sign: str, line: str, prefix: str) -> str:
    """Return a line `--- a/NAME` or `+++ b/NAME` with another sign and prefix."""
    name = line[4:]
    return sign + (prefix + name[2:] if name[:2] in ("a/", "b/") else name)


def _header(line: str) -> str:
    for old, new in _FILE_MODES.items():
        if line.startswith(old):
            return new + line.removeprefix(old)
    return re.sub(r"^(index )(\w+)\.\.(\w+)", r"\1\3..\2", line)
