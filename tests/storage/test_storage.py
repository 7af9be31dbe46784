"""Files of a run: written whole or not at all, here or on another filesystem."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayboot.errors import UserError
from rayboot.storage import Storage, is_remote, localize


def test_a_text_is_replaced_in_one_step(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write_text("a.txt", "old")
    storage.write_text("a.txt", "new")
    assert storage.read_text("a.txt") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_path_and_its_file_uri_are_the_same_folder(tmp_path: Path) -> None:
    Storage(f"file://{tmp_path}").write_text("a.txt", "x")
    assert Storage(str(tmp_path)).read_text("a.txt") == "x"
    assert localize(str(tmp_path)) == str(tmp_path)


def test_an_unknown_filesystem_is_the_users_error() -> None:
    assert is_remote("nosuch://bucket/runs")
    with pytest.raises(UserError, match="nosuch://bucket/runs"):
        Storage("nosuch://bucket/runs")


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.make_folder("a/b")
    storage.remove("a")
    storage.remove("a")
    assert not storage.exists("a")
