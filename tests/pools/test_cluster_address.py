"""Choice of the Ray cluster that a run joins."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from rayboot.errors import RaybootError, UserError
from rayboot.pools import cluster
from rayboot.pools.cluster import START_TRIES, cluster_address, connected


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
    """File in which `ray start` writes its cluster's address. Other clusters of this machine do not answer."""
    others, answers = cluster._started_elsewhere(), cluster._answers
    monkeypatch.setattr(cluster, "_answers", lambda address: address not in others and answers(address))
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


def test_the_address_local_starts_a_local_cluster(
    note: Path, answering: str, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_cluster_that_was_started_with_a_temp_dir_is_found_by_its_process(
    note: Path, answering: str, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy("/bin/sh", tmp_path / "raylet")
    name = f"--raylet_socket_name={elsewhere}/session_1/sockets/raylet"
    process = subprocess.Popen(
        [tmp_path / "raylet", "-c", "echo; read wait", "raylet", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        assert cluster_address() != answering  # a driver's own Ray writes no address file
        (elsewhere / "ray_current_cluster").write_text(answering)
        assert cluster_address() == answering
    finally:
        process.communicate(b"\n")


@pytest.fixture
def short_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder with a path short enough for Ray's sockets, and no cluster to join."""
    monkeypatch.setenv("RAY_ADDRESS", "local")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_a_temporary_folder_too_long_for_rays_sockets_is_refused_before_the_start(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = short_tmp / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with (
        pytest.raises(UserError, match=r"TMPDIR=.*x is too long .* at most 3\d characters"),
        connected({"CPU": 1}),
    ):
        pass


def test_rays_start_is_retried_and_then_reported_in_one_line(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Any] = []

    def start(*args: Any, **options: Any) -> None:
        folders.append(options["_temp_dir"])
        raise Exception("The current node timed out during startup.\nThis could happen because ...")

    monkeypatch.setattr(ray, "init", start)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with (
        pytest.raises(RaybootError, match=r"did not start .*timed out.* logs are in /tmp/") as error,
        connected({"CPU": 1}),
    ):
        pass
    assert "\n" not in str(error.value)
    assert folders == [str(short_tmp / f"rayboot-{os.getuid()}")] * START_TRIES
