"""Go: one process of three packages: `nonce` holds the secret, `program` is the program, `main` is the test file.

The program is a package of its own, so that none of its names (a function `panic`, a constant `true`) hides one of
the test's. `main` gets by name what the test uses of it. The packages that could read the secret in memory (unsafe,
syscall, runtime/debug, cgo, internal ones) are not to be had under a test file; in `run` all of the standard library
is. `os.Exit` gains nothing: an exit status is never a pass. What remains: a data race can be built into an access to
any memory.

Where the benchmark's own harness, which puts program and test file together, does not compile, nor does this: a program
may not declare `main` or `deepCompare` again. Its unused imports are an error unless the test file uses them.

The compiler and the linker are called directly, which takes half the time of `go build`.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from . import library
from .base import Command, Complaint

_NONCE = Path(__file__).parent / "files" / "go" / "nonce.go"
_NONCE_PATH = "rayboot/nonce"
# Packages that are ready are initialised in the order of their paths (from Go 1.21 on): the program's comes last.
_PROGRAM_PATH = "zz/program"
_FORBIDDEN = re.compile(
    r"(internal|vendor|cmd|syscall|runtime/cgo|runtime/debug|plugin)(/|$)|.*/internal(/|$)"
)
# `unsafe` is known to the compiler itself: this sends it to look for another package, which is nowhere.
_NO_UNSAFE = "importmap unsafe=not-available-here\n"
_PATHS = {"json": "encoding/json", "rand": "math/rand", "big": "math/big", "utf8": "unicode/utf8"}

_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`')
_PACKAGE = re.compile(r"^package[ \t]+\w+", re.M)
_IMPORTS = re.compile(r"^import\s*(?:\((.*?)\)|([^\n]*))", re.M | re.S)
_IMPORT = re.compile(r'(?:(\w+)[ \t]+)?["`]([\w/]+)["`]')
_DECLARED = re.compile(r"^(func|type|var|const)[ \t]+(\w+)(\[)?", re.M)
_FUNCTION = re.compile(r"^func[ \t]+(\w+)", re.M)
_CALL = re.compile(r"(?<![\w.])([a-z]\w*)\.([A-Z]\w*)\(")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_PREDECLARED = """
    any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint
    uint8 uint16 uint32 uint64 uintptr true false iota nil append cap clear close complex copy delete imag len make max
    min new panic print println real recover
"""

_COMPILE_ERROR = re.compile(r"^(?:\./)?(\w+)\.go:(\d+)(?::\d+)?: (.*(?:\n\t.*)*)", re.M)
_PANIC = re.compile(r"^(panic|fatal error): ((?:.|\n)*?)(?=\n\n|\n\[signal|\n\tpanic: |\Z)", re.M)
_FRAME = re.compile(r"^\t\S*\bprogram\.go:(\d+)", re.M)


def _root() -> str:
    """The newest toolchain of Debian's, if none is on the path."""
    versions = sorted(
        glob.glob("/usr/lib/go-*/bin/go"), key=lambda path: [int(n) for n in re.findall(r"\d+", path)]
    )
    go = shutil.which("go") or (versions[-1] if versions else "/usr/lib/go/bin/go")
    return os.path.dirname(os.path.dirname(os.path.realpath(go)))


class Go:
    """`folder` is for our own compiled package: `prepare` fills it, cells read it. None: one of the user's."""

    name = "go"
    tools: ClassVar[Mapping[str, str]] = {os.path.join(_root(), "bin", "go"): "golang-go"}

    def __init__(self, folder: str | None = None) -> None:
        self.root = _root()
        self._folder = folder

    @cached_property
    def library(self) -> str:
        return self._folder or library.folder("go", os.path.join(self.root, "bin", "go"), [_NONCE])

    def prepare(self) -> None:
        """Compile our own package and note where those of the standard library are, unless that is done.

        Raises:
            subprocess.CalledProcessError: The toolchain is incomplete.
        """
        library.make(self.library, self._fill)

    def missing_libraries(self) -> Mapping[str, str]:
        return {}

    def readable(self) -> list[str]:
        return sorted({self.root, os.path.realpath(os.path.join(self.root, "pkg")), self.library})

    def run(self, program: str) -> Command:
        builds = (self._compile("main", "standard.cfg", "program.go"), self._link("standard.cfg"))
        return Command(("./program",), {"program.go": program}, builds)

    def test(self, program: str, test: str, entry_point: str) -> Command:
        names = _borrowed(program, test, entry_point)
        files = {
            "program.go": _as_package(program, test),
            "exports.go": _exports(names, test),
            "main.go": _main(names, test),
        }
        builds = (
            self._compile(_PROGRAM_PATH, "program.cfg", "exports.go", "program.go"),
            self._compile("main", "main.cfg", "main.go"),
            self._link("main.cfg"),
        )
        return Command(("./program",), files, builds)

    def explain(self, text: str) -> Complaint:
        panic = _PANIC.search(text)
        if panic:
            kind, message = panic.groups()
            if message.startswith("runtime error: "):
                kind, message = message.split(": ", 1)
            frame = _FRAME.search(text, panic.end())
            return Complaint(kind, message.strip(), int(frame[1]) if frame else None)
        error = _COMPILE_ERROR.search(text)
        if error:
            message = "; ".join(" ".join(line.split()) for line in error[3].splitlines())
            message = message.replace(" (open : no such file or directory)", ": not available")
            where = "in the test file: " if error[1] == "main" else ""
            return Complaint(
                "compile error", where + message, int(error[2]) if error[1] == "program" else None
            )
        return Complaint(message=text.strip())

    def _compile(self, path: str, config: str, *sources: str) -> tuple[str, ...]:
        output = f"{path.rsplit('/')[-1]}.a"
        options = (
            "-p",
            path,
            "-complete",
            "-pack",
            "-importcfg",
            os.path.join(self.library, config),
            "-o",
            output,
        )
        return (self._tool("compile"), *options, *sources)

    def _link(self, config: str) -> tuple[str, ...]:
        config = os.path.join(self.library, config)
        return (self._tool("link"), "-s", "-w", "-importcfg", config, "-o", "program", "main.a")

    def _tool(self, name: str) -> str:
        return next(iter(glob.glob(os.path.join(self.root, "pkg", "tool", "*", name))), name)

    def _fill(self, folder: str) -> None:
        packages = self._precompiled() or self._compiled(os.path.join(folder, "cache"))
        packages = {path: file.replace(folder, self.library) for path, file in packages.items()}
        standard = "".join(f"packagefile {path}={file}\n" for path, file in packages.items())
        allowed = "".join(f"packagefile {p}={f}\n" for p, f in packages.items() if not _FORBIDDEN.match(p))
        nonce = os.path.join(self.library, "nonce.a")
        ours = f"packagefile {_NONCE_PATH}={nonce}\npackagefile {_PROGRAM_PATH}=program.a\n"
        contents = {
            "standard.cfg": standard,
            "program.cfg": allowed + _NO_UNSAFE,
            "main.cfg": standard + ours,
        }
        for name, text in contents.items():
            Path(folder, name).write_text(text)
        Path(folder, "now.cfg").write_text(standard.replace(self.library, folder))
        arguments = [
            "-p",
            _NONCE_PATH,
            "-complete",
            "-pack",
            "-importcfg",
            "now.cfg",
            "-o",
            "nonce.a",
            str(_NONCE),
        ]
        subprocess.run([self._tool("compile"), *arguments], cwd=folder, check=True, capture_output=True)

    def _precompiled(self) -> dict[str, str]:
        """The standard library as toolchains before 1.20 have it."""
        found = sorted(glob.glob(os.path.join(self.root, "pkg", "linux_*", "fmt.a")), key=len)
        if not found:
            return {}
        folder = os.path.dirname(found[0])
        files = glob.glob(os.path.join(folder, "**", "*.a"), recursive=True)
        return {os.path.relpath(file, folder).removesuffix(".a"): file for file in sorted(files)}

    def _compiled(self, cache: str) -> dict[str, str]:
        """The standard library, compiled now."""
        go = os.path.join(self.root, "bin", "go")
        env = {
            "GOCACHE": cache,
            "HOME": cache,
            "PATH": os.environ["PATH"],
            "CGO_ENABLED": "0",
            "GOFLAGS": "-mod=mod",
        }
        form = "{{if .Export}}{{.ImportPath}} {{.Export}}{{end}}"
        command = [go, "list", "-export", "-f", form, "std"]
        found = subprocess.run(command, env=env, cwd="/", check=True, capture_output=True, text=True).stdout
        return dict(line.split(" ", 1) for line in found.splitlines() if line)


def _borrowed(program: str, test: str, entry_point: str) -> dict[str, str]:
    """The names of the program that the test means, and what each is: func, type, var or const.

    Not those that mean something to the test by itself.
    """
    used = set(_NAME.findall(_STRING.sub('""', test)))
    own = set(_PREDECLARED.split()) | set(_FUNCTION.findall(test)) | set(_packages(test))
    declared = {
        name: kind
        for kind, name, generic in _DECLARED.findall(_top_level(program))
        if not generic or kind == "type"
    }
    names = {name: kind for name, kind in declared.items() if name in used and name not in own}
    return names | {entry_point: "func"}


def _top_level(program: str) -> str:
    """The lines of a program that are in no braces."""
    depth, lines = 0, []
    for line in _STRING.sub('""', program).splitlines():
        code = line.partition("//")[0]
        if depth == 0:
            lines.append(code)
        depth += code.count("{") - code.count("}")
    return "\n".join(lines)


def _packages(test: str) -> dict[str, str]:
    """The packages of the standard library whose functions the test calls, and one such function of each."""
    return dict(_CALL.findall(_STRING.sub('""', test)))


def _as_package(program: str, test: str) -> str:
    imported = {
        name or path.rsplit("/")[-1]
        for block, line in _IMPORTS.findall(program)
        for name, path in _IMPORT.findall(block or line)
    }
    uses = [f"var _ = {name}.{function}" for name, function in _packages(test).items() if name in imported]
    return _PACKAGE.sub("package program", program, count=1) + "\n" + "; ".join(uses)


def _exports(names: dict[str, str], test: str) -> str:
    """A second file of the program's package."""
    lines = ["package program"]
    for name, kind in names.items():
        declare = {"type": "type", "const": "const"}.get(kind, "var")
        lines.append(f"{declare} Rayboot_{name} = {name}")
    lines += [f"func {name}() {{}}" for name in _FUNCTION.findall(test)]
    return "\n".join(lines) + "\n"


def _main(names: dict[str, str], test: str) -> str:
    """`nonce` is imported first: up to Go 1.20, packages are initialised in that order."""
    imports = [f'rayboot_nonce "{_NONCE_PATH}"', *(f'"{_PATHS.get(name, name)}"' for name in _packages(test))]
    imports.append(f'rayboot_program "{_PROGRAM_PATH}"')
    head = ["package main", *(f"import {path}" for path in imports)]
    for name, kind in names.items():
        declare = {"type": "type", "const": "const"}.get(kind, "var")
        head.append(f"{declare} {name} = rayboot_program.Rayboot_{name}")
    body = re.sub(r"^func main\(\)", "func rayboot_test()", test, flags=re.M)
    return "; ".join(head) + body + "\nfunc main() { rayboot_test(); rayboot_nonce.Finish() }\n"
