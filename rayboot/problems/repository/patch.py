"""Unified diffs: found in a completion, turned round, and asked for their files."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TAGGED = re.compile(r"<(patch|diff)>(.*?)(?:</\1>|\Z)", re.DOTALL)
_FENCED = re.compile(r"^```(?:diff|patch)[ \t]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
_HUNK = re.compile(r"@@ -(\d+(?:,\d+)?) \+(\d+(?:,\d+)?) @@(.*)", re.DOTALL)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""With its end. Sources have form feeds, at which `str.splitlines` would cut, too."""
_EXTENDED = (
    "index ",
    "old mode ",
    "new mode ",
    "new file mode ",
    "deleted file mode ",
    "similarity index ",
    "rename ",
    "copy ",
)
"""Lines that git writes between `diff --git` and `---`."""
_FILE_MODES = {"new file mode ": "deleted file mode ", "deleted file mode ": "new file mode "}
_FILE_MODES |= {"old mode ": "new mode ", "new mode ": "old mode "}


def extract_patch(completion: str) -> str:
    """The unified diff in a completion, with a newline at its end; the empty string if there is none.

    It is looked for between tags `<patch>` or `<diff>`, as SWE-bench's prompts ask for
    (`swebench/inference/make_datasets`), then in a fence of that name, then anywhere. Text around it is dropped.
    """
    tagged = [match[2] for match in _TAGGED.finditer(completion)]
    fenced = [match[1] for match in _FENCED.finditer(completion)]
    found = (_diff(text) for text in [*tagged, *fenced, completion])
    return next(filter(None, found), "")


def reversed_patch(patch: str) -> str:
    """The patch that undoes `patch`, which renames no file."""
    turned: list[str] = []
    for line, in_hunk in _walk(patch):
        if in_hunk:
            turned.append({"+": "-", "-": "+"}.get(line[0], line[0]) + line[1:])
        elif match := _HUNK.fullmatch(line):
            turned.append(f"@@ -{match[2]} +{match[1]} @@{match[3]}")
        elif line.startswith("+++ "):  # the lines of the old and the new name, which is below
            old = turned.pop()
            turned += [_renamed("--- ", line, "a/"), _renamed("+++ ", old, "b/")]
        else:
            turned.append(_header(line))
    return "".join(turned)


def changed_files(patch: str) -> list[str]:
    """The files that a patch changes or deletes, as they are called before; none for files that it adds."""
    headers = (line for line, in_hunk in _walk(patch) if not in_hunk and line.startswith("--- "))
    names = (line[4:].partition("\t")[0].strip().removeprefix("a/") for line in headers)
    return [name for name in dict.fromkeys(names) if name != "/dev/null"]


def _walk(patch: str) -> Iterator[tuple[str, bool]]:
    """The lines of a patch, and whether they are a hunk's: there, `--- ` may be a line that goes."""
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
    """The lines of a text that are a diff's; nothing, if no hunk of a file is among them.

    A hunk may be longer than its head says, as models count badly; but then it ends at an empty line.
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
        elif not (state == "header" and line.startswith(_EXTENDED)):
            state = ""
        if state:
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    is_diff = any(line.startswith("+++ ") for line in kept) and any(line.startswith("@@ ") for line in kept)
    return "\n".join([*kept, ""]) if is_diff else ""


def _renamed(sign: str, line: str, prefix: str) -> str:
    """A line `--- a/NAME` or `+++ b/NAME` with another sign and prefix."""
    name = line[4:]
    return sign + (prefix + name[2:] if name[:2] in ("a/", "b/") else name)


def _header(line: str) -> str:
    for old, new in _FILE_MODES.items():
        if line.startswith(old):
            return new + line.removeprefix(old)
    return re.sub(r"^(index )(\w+)\.\.(\w+)", r"\1\3..\2", line)
