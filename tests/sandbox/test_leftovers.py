"""Files that programs leave are removed, however they are made."""

from __future__ import annotations

import os
from pathlib import Path

from rayboot.sandbox.inside import leftovers


def test_directories_nested_deeper_than_a_path_can_say_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    inner = os.open(folder, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deeper", dir_fd=inner)
        outer, inner = inner, os.open("deeper", os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    leftovers.remove(str(folder))
    assert not folder.exists()


def test_links_and_shut_directories_are_removed_and_nothing_outside(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("ours")
    folder = tmp_path / "scratch"
    (folder / "shut" / "inner").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path)
    (folder / "shut").chmod(0)
    folder.chmod(0)
    leftovers.remove(str(folder))
    assert (folder.exists(), kept.read_text()) == (False, "ours")


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    leftovers.remove(str(tmp_path / "gone"))
