"""Which Ray cluster a run joins."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rayboot.cluster import cluster_address
from rayboot.errors import UserError


@pytest.fixture
def free_address() -> str:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def answering() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `ray start` leaves the address of the cluster that it made."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    path = tmp_path / "ray" / "ray_current_cluster"
    path.parent.mkdir()
    return path


def test_a_cluster_that_ray_start_made_is_joined(note: Path, answering: str) -> None:
    note.write_text(answering)
    assert cluster_address() == answering


def test_a_cluster_that_is_gone_is_not_waited_for(note: Path, free_address: str) -> None:
    note.write_text(free_address)
    assert cluster_address() is None


def test_without_a_cluster_a_local_one_is_started(note: Path) -> None:
    assert cluster_address() is None


def test_local_is_obeyed(note: Path, answering: str, monkeypatch: pytest.MonkeyPatch) -> None:
    note.write_text(answering)
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert cluster_address() is None


def test_the_named_cluster_must_answer(
    answering: str, free_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", answering)
    assert cluster_address() == answering
    monkeypatch.setenv("RAY_ADDRESS", free_address)
    with pytest.raises(UserError, match=f"no Ray cluster answers at RAY_ADDRESS={free_address}"):
        cluster_address()
