"""Files of a run: in a local folder, or on any filesystem that pyarrow opens by URI."""

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

STALE_SECONDS = 7 * 86400.0
"""Age at which the copies of a killed run are removed from a machine."""


class Storage:
    """A folder on a pyarrow filesystem. Methods take names relative to that folder."""

    def __init__(self, uri: str) -> None:
        """Open `uri`: a path, or a URI such as `s3://bucket/runs` or `s3://bucket/runs?endpoint_override=HOST:PORT`.

        Raise UserError if pyarrow cannot open the URI.
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
        """Return the path of `name` for the pyarrow filesystem."""
        return f"{self.root}/{name}" if name else self.root

    def uri(self, name: str) -> str:
        """Return the path or URI of `name`, which any process can open with `Storage` or `localize`."""
        return below(self._uri, name)

    def exists(self, name: str = "") -> bool:
        return bool(self.fs.get_file_info(self.path(name)).type != pafs.FileType.NotFound)

    def files(self, name: str = "", recursive: bool = False) -> list[pafs.FileInfo]:
        """Return size, time and path of the files in a folder; an empty list if it does not exist."""
        selector = pafs.FileSelector(self.path(name), recursive=recursive, allow_not_found=True)
        return [info for info in self.fs.get_file_info(selector) if info.type == pafs.FileType.File]

    def make_folder(self, name: str) -> None:
        self.fs.create_dir(self.path(name), recursive=True)

    def require_writable(self) -> None:
        """Create the folder, and check that files can be written to it.

        Raise UserError if they cannot.
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
        """Delete a file, or a folder and its content. A name that does not exist is ignored."""
        kind = self.fs.get_file_info(self.path(name)).type
        if kind == pafs.FileType.Directory:
            self.fs.delete_dir(self.path(name))
        elif kind == pafs.FileType.File:
            self.fs.delete_file(self.path(name))

    def rename(self, source: str, target: str) -> None:
        """Move a local file or folder atomically to a name that is free, or that of a file to replace.

        After a power loss one of the two names exists, and the content of `target` is complete.
        """
        _flush_all(Path(self.path(source)))
        os.replace(self.path(source), self.path(target))
        _flush(Path(self.path(target)).parent)

    def read_text(self, name: str) -> str:
        with self.fs.open_input_stream(self.path(name)) as stream:
            return str(stream.read().decode())

    def write_text(self, name: str, text: str) -> None:
        """Write a file atomically: a reader sees the old text or the new text, never a part."""
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file atomically, as `write_text` does."""
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
        """Set a file's modification time to now.

        Raise FileNotFoundError if the file does not exist.
        """
        if self.is_local:
            os.utime(self.path(name))
        else:
            self.write_text(name, self.read_text(name))

    def upload(self, folder: str, name: str) -> None:
        """Copy a local folder to `name`."""
        pafs.copy_files(
            folder, self.path(name), source_filesystem=pafs.LocalFileSystem(), destination_filesystem=self.fs
        )


def is_remote(uri: str) -> bool:
    """Return whether `uri` names a filesystem other than the local one."""
    return "://" in uri and not uri.startswith("file://")


def below(uri: str, name: str) -> str:
    """Return the path or URI of `name` in the folder `uri`; options after `?` stay at the end."""
    folder, mark, options = uri.partition("?") if is_remote(uri) else (uri, "", "")
    return f"{folder.rstrip('/')}/{name}{mark}{options}" if name else uri


def localize(uri: str) -> str:
    """Return a local folder with the files of `uri`: the folder itself if it is local, else this machine's copy of it.

    A copy is identified by the URI and by the files' names, sizes, times and, on S3, checksums: files that changed are
    copied anew. `remove_copies` removes the copies of a run.
    """
    if not is_remote(uri):
        return uri.removeprefix("file://")
    storage = Storage(uri)
    content = [uri, *(_identity(storage, info) for info in storage.files(recursive=True))]
    target = _copies_folder() / hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
        pafs.copy_files(storage.root, str(aside), source_filesystem=storage.fs)
        try:
            aside.rename(target)
        except OSError:  # another process has copied it in the meantime
            shutil.rmtree(aside)
    return str(target)


def remove_copies() -> None:
    """Remove the copies that `localize` made on this machine for this process's Ray job, and those of old jobs."""
    folder = _copies_folder()
    shutil.rmtree(folder, ignore_errors=True)
    for other in folder.parent.glob("*"):
        if other.stat().st_mtime < time.time() - STALE_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


def _copies_folder() -> Path:
    """Return this machine's folder for the copies of this process's Ray job, the same in all processes of the job."""
    import ray  # not at the top: a sandbox or a report works without Ray

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
    """Flush a file, or a folder and its content, to the disk."""
    if path.is_file():
        _flush(path)
    for folder, _, names in os.walk(path):
        for name in names:
            _flush(Path(folder, name))
        _flush(Path(folder))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network filesystems can flush files but not folders
            raise
    finally:
        os.close(descriptor)
