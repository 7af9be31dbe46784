"""Go: the program and its test file are linked into two executables, which communicate by files/go/wire.go.

A persistent process (files/go/compiler.go) splits them. It compiles the program with code that answers calls, and the
test file with stand-ins for the functions that it names, and with copies of types and constants. It calls the compiler
and the linker directly, which takes half the time of `go build`, and caches the executables of test files.

What does not compile in the benchmark's own harness, which puts program and test file together, does not compile here:
a program may not declare `main`, and its unused imports are an error unless the test file uses them.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from .base import Answer, Channel, Command, Compiled, Complaint, Halves

_OURS = "rayboot"
_COMPILE_ERROR = re.compile(r"^(?:\./)?(\w+)\.go:(\d+)(?::\d+)?: (.*(?:\n\t.*)*)", re.M)
_PANIC = re.compile(r"^(panic|fatal error): ((?:.|\n)*?)(?=\n\n|\n\[signal|\n\tpanic: |\Z)", re.M)
_FRAME = re.compile(r"^\t\S*\bprogram\.go:(\d+)", re.M)


def _find_root() -> str:
    """Return the toolchain on the PATH; if there is none, the newest of Debian's."""
    versions = sorted(
        glob.glob("/usr/lib/go-*/bin/go"), key=lambda path: [int(n) for n in re.findall(r"\d+", path)]
    )
    go = shutil.which("go") or (versions[-1] if versions else "/usr/lib/go/bin/go")
    return os.path.dirname(os.path.dirname(os.path.realpath(go)))


_ROOT = _find_root()


class Go(Compiled):
    name = "go"
    tools: ClassVar[Mapping[str, str]] = {os.path.join(_ROOT, "bin", "go"): "golang-go"}

    def readable(self) -> list[str]:
        return sorted({_ROOT, os.path.realpath(os.path.join(_ROOT, "pkg")), self.library})

    def tool(self) -> str:
        return os.path.realpath(os.path.join(_ROOT, "bin", "go"))

    def compiler(self) -> Command:
        argv = (os.path.join(self.library, "compiler"), self.library, _tools())
        return Command(argv, file=open(os.memfd_create("made"), "wb"), channel="descriptor")

    def request(self, program: str, test: str | None = None, entry_point: str = "") -> dict[str, str | None]:
        return {"program": program, "test": test, "entry_point": entry_point}

    def run_compiled(self, answer: Answer) -> Command:
        return _made("program", answer)

    def halves(self, answer: Answer) -> Halves:
        runner, judge = (_made(name, answer, "descriptor") for name in ("program", "judge"))
        return Halves(runner, judge, {}, stays=False)

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

    def compile_sources(self, folder: str) -> None:
        """Compile our own packages, and record where those of the standard library are."""
        packages = _precompiled() or _compiled(os.path.join(folder, "cache"))
        for name in ("wire", "testing"):
            packages[f"{_OURS}/{name}"] = os.path.join(folder, f"{name}.a")
        config = "".join(f"packagefile {path}={file}\n" for path, file in packages.items())
        Path(folder, "now.cfg").write_text(config)
        Path(folder, "standard.cfg").write_text(config.replace(folder, self.library))
        source = {file.stem: str(file) for file in self.sources}
        options = (
            "-complete",
            "-pack",
            "-trimpath",
            os.path.dirname(source["wire"]),
            "-importcfg",
            "now.cfg",
        )
        for command in (
            ("compile", "-p", f"{_OURS}/wire", *options, "-o", "wire.a", source["wire"]),
            ("compile", "-p", f"{_OURS}/testing", *options, "-o", "testing.a", source["testing"]),
            ("compile", "-p", "main", *options, "-o", "compiler.a", source["compiler"]),
            ("link", "-s", "-w", "-importcfg", "now.cfg", "-o", "compiler", "compiler.a"),
        ):
            tool = os.path.join(_tools(), command[0])
            subprocess.run([tool, *command[1:]], cwd=folder, check=True, capture_output=True)


def _tools() -> str:
    """Return the folder of the compiler and the linker."""
    return os.path.dirname(next(iter(glob.glob(os.path.join(_ROOT, "pkg", "tool", "*", "compile"))), ""))


def _precompiled() -> dict[str, str]:
    """Return the standard library's packages as toolchains before 1.20 contain them; none for later ones."""
    found = sorted(glob.glob(os.path.join(_ROOT, "pkg", "linux_*", "fmt.a")), key=len)
    if not found:
        return {}
    folder = os.path.dirname(found[0])
    files = glob.glob(os.path.join(folder, "**", "*.a"), recursive=True)
    return {os.path.relpath(file, folder).removesuffix(".a"): file for file in sorted(files)}


def _compiled(cache: str) -> dict[str, str]:
    """Compile the standard library and return its packages."""
    env = {
        "GOCACHE": cache,
        "HOME": cache,
        "PATH": os.environ["PATH"],
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=mod",
    }
    form = "{{if .Export}}{{.ImportPath}} {{.Export}}{{end}}"
    command = [os.path.join(_ROOT, "bin", "go"), "list", "-export", "-f", form, "std"]
    found = subprocess.run(command, env=env, cwd="/", check=True, capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in found.splitlines() if line)


def _made(name: str, answer: Answer, channel: Channel = "none") -> Command:
    return Command((f"./{name}",), file=answer["file"], parts={name: answer[name]}, channel=channel)
