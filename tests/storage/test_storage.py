"""Files of a run are written atomically, on local and remote filesystems."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayboot.errors import UserError
from rayboot.storage import Storage, is_remote, localize


def test_a_text_is_replaced_without_leaving_a_temporary_file(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write_text("a.txt", "old")
    storage.write_text("a.txt", "new")
    assert storage.read_text("a.txt") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_path_and_its_file_uri_are_the_same_folder(tmp_path: Path) -> None:
    Storage(f"file://{tmp_path}").write_text("a.txt", "x")
    assert Storage(str(tmp_path)).read_text("a.txt") == "x"
    assert localize(str(tmp_path)) == str(tmp_path)


def test_an_unknown_filesystem_is_a_user_error() -> None:
    assert is_remote("nosuch://bucket/runs")
    with pytest.raises(UserError, match="nosuch://bucket/runs"):
        Storage("nosuch://bucket/runs")


def test_removing_a_name_that_does_not_exist_is_no_error(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.make_folder("a/b")
    storage.remove("a")
    storage.remove("a")
    assert not storage.exists("a")
