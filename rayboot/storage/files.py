"""Files of a run, wherever they are: a local folder, or any filesystem that pyarrow knows by URI."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import pyarrow.fs as pafs

from rayboot.errors import UserError

FORGOTTEN_SECONDS = 7 * 86400.0
"""Age at which copies that a killed run has left on a machine are removed."""


class Storage:
    """A folder on a pyarrow filesystem. Paths given to its methods are relative to that folder."""

    def __init__(self, uri: str) -> None:
        """Open `uri`: a path, or a URI such as `s3://bucket/runs` or `s3://bucket/runs?endpoint_override=HOST:PORT`.

        Raises:
            UserError: No filesystem is known for the URI.
        """
        self.is_local = not is_remote(uri)
        if self.is_local:
            self.fs, self.root = pafs.LocalFileSystem(), str(Path(uri.removeprefix("file://")).absolute())
        else:
            try:
                self.fs, self.root = pafs.FileSystem.from_uri(uri)
            except (ValueError, OSError) as error:
                raise UserError(f"{uri}: not a folder that pyarrow can open: {error}") from None
        self._uri = self.root if self.is_local else uri

    def path(self, name: str) -> str:
        """Path of `name` as the filesystem wants it."""
        return f"{self.root}/{name}" if name else self.root

    def uri(self, name: str) -> str:
        """Path or URI of `name` that any process can open with `Storage` or `localize`."""
        return below(self._uri, name)

    def exists(self, name: str = "") -> bool:
        return bool(self.fs.get_file_info(self.path(name)).type != pafs.FileType.NotFound)

    def files(self, name: str = "", recursive: bool = False) -> list[pafs.FileInfo]:
        """What is known of the files in a folder; none if there is no such folder."""
        selector = pafs.FileSelector(self.path(name), recursive=recursive, allow_not_found=True)
        return [info for info in self.fs.get_file_info(selector) if info.type == pafs.FileType.File]

    def make_folder(self, name: str) -> None:
        self.fs.create_dir(self.path(name), recursive=True)

    def require_writable(self) -> None:
        """Make the folder, and see that it takes files.

        Raises:
            UserError: It does not.
        """
        probe = f".probe-{os.getpid()}"
        try:
            self.make_folder("")
            self.write_text(probe, "")
            self.remove(probe)
        except OSError as error:
            reason = error.strerror or str(error).splitlines()[0]
            raise UserError(f"{self.uri('')} cannot be written to: {reason}") from None

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with all that is in it; nothing happens when it does not exist."""
        kind = self.fs.get_file_info(self.path(name)).type
        if kind == pafs.FileType.Directory:
            self.fs.delete_dir(self.path(name))
        elif kind == pafs.FileType.File:
            self.fs.delete_file(self.path(name))

    def rename(self, source: str, target: str) -> None:
        """Move a local file or folder to a name that is free, or hold an existing file, in one step.

        After a power loss there is the one or the other, and what has the new name is whole.
        """
        _flush_all(Path(self.path(source)))
        os.replace(self.path(source), self.path(target))
        _flush(Path(self.path(target)).parent)

    def read_text(self, name: str) -> str:
        with self.fs.open_input_stream(self.path(name)) as stream:
            return str(stream.read().decode())

    def write_text(self, name: str, text: str) -> None:
        """Write a whole file in one step: a reader sees the old text or the new, never a part."""
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """As `write_text`."""
        target = name if not self.is_local else f"{name}.partial"
        try:
            with self.fs.open_output_stream(self.path(target)) as stream:
                stream.write(content)
            if self.is_local:
                self.rename(target, name)
        except OSError:
            if self.is_local:
                Path(self.path(target)).unlink(missing_ok=True)
            raise

    def touch(self, name: str) -> None:
        """Give a file the time of now.

        Raises:
            FileNotFoundError: There is none.
        """
        if self.is_local:
            os.utime(self.path(name))
        else:
            self.write_text(name, self.read_text(name))

    def upload(self, folder: str, name: str) -> None:
        """Copy a folder of this machine to `name`."""
        pafs.copy_files(
            folder, self.path(name), source_filesystem=pafs.LocalFileSystem(), destination_filesystem=self.fs
        )


def is_remote(uri: str) -> bool:
    """Whether `uri` names a filesystem other than this machine's."""
    return "://" in uri and not uri.startswith("file://")


def below(uri: str, name: str) -> str:
    """Path or URI of `name` in the folder `uri`, whose options after `?` stay where they belong."""
    folder, mark, options = uri.partition("?") if is_remote(uri) else (uri, "", "")
    return f"{folder.rstrip('/')}/{name}{mark}{options}" if name else uri


def localize(uri: str) -> str:
    """A local folder with the files of `uri`: itself when it is local, else a copy that this machine keeps for the run.

    A copy belongs to what the files are now (their names, sizes, times and, on S3, their checksums): another run of the
    same name has copies of its own. `forget_copies` removes them.
    """
    if not is_remote(uri):
        return uri.removeprefix("file://")
    storage = Storage(uri)
    content = [uri, *(_identity(storage, info) for info in storage.files(recursive=True))]
    target = _copies() / hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
        pafs.copy_files(storage.root, str(aside), source_filesystem=storage.fs)
        try:
            aside.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(aside)
    return str(target)


def forget_copies() -> None:
    """Remove what `localize` has copied to this machine for this process's Ray job, and what old jobs have left."""
    mine = _copies()
    shutil.rmtree(mine, ignore_errors=True)
    for other in mine.parent.glob("*"):
        if other.stat().st_mtime < time.time() - FORGOTTEN_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


def _copies() -> Path:
    """Where this machine keeps the copies of one Ray job; all of its processes find them."""
    import ray  # here: a sandbox, or a report, needs none

    if ray.is_initialized():
        context = ray.get_runtime_context()
        job = f"{context.get_session_name()}-{context.get_job_id()}"
    else:
        job = f"process-{os.getpid()}"
    return Path(tempfile.gettempdir(), f"rayboot-{os.getuid()}", "copies", job)


def _identity(storage: Storage, info: pafs.FileInfo) -> str:
    with storage.fs.open_input_stream(info.path) as stream:
        checksum = (stream.metadata() or {}).get("ETag", b"")
    return f"{info.path} {info.size} {info.mtime_ns} {checksum!r}"


def _flush_all(path: Path) -> None:
    """Have the disk hold a file, or a folder with all that is in it."""
    if path.is_file():
        _flush(path)
    for folder, _, names in os.walk(path):
        for name in names:
            _flush(Path(folder, name))
        _flush(Path(folder))


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network filesystems flush files alone, and no folders
            raise
    finally:
        os.close(opened)
