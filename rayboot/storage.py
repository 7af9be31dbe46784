"""Files of a run, wherever they are: a local folder, or any filesystem that pyarrow knows by URI."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import pyarrow.fs as pafs

from rayboot.errors import UserError


class Storage:
    """A folder on a pyarrow filesystem. Paths given to its methods are relative to that folder."""

    def __init__(self, uri: str) -> None:
        """Open `uri`: a path, or a URI such as `s3://bucket/runs`.

        Raises:
            UserError: No filesystem is known for the URI.
        """
        if is_remote(uri):
            try:
                self.fs, self.root = pafs.FileSystem.from_uri(uri)
            except (ValueError, OSError) as error:
                raise UserError(f"{uri}: not a folder that pyarrow can open: {error}") from None
        else:
            self.fs, self.root = pafs.LocalFileSystem(), str(Path(uri.removeprefix("file://")).absolute())
        self.is_local = not is_remote(uri)
        self._prefix = uri.rstrip("/") if is_remote(uri) else self.root

    def path(self, name: str) -> str:
        """Path of `name` as the filesystem wants it."""
        return f"{self.root}/{name}" if name else self.root

    def uri(self, name: str) -> str:
        """Path or URI of `name` that any process can open with `Storage` or `localize`."""
        return f"{self._prefix}/{name}" if name else self._prefix

    def exists(self, name: str = "") -> bool:
        return bool(self.fs.get_file_info(self.path(name)).type != pafs.FileType.NotFound)

    def make_folder(self, name: str) -> None:
        self.fs.create_dir(self.path(name), recursive=True)

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with all that is in it; nothing happens when it does not exist."""
        kind = self.fs.get_file_info(self.path(name)).type
        if kind == pafs.FileType.Directory:
            self.fs.delete_dir(self.path(name))
        elif kind == pafs.FileType.File:
            self.fs.delete_file(self.path(name))

    def rename(self, source: str, target: str) -> None:
        """Move a local file or folder to a name that is free, or hold an existing file, in one step."""
        os.replace(self.path(source), self.path(target))

    def read_text(self, name: str) -> str:
        with self.fs.open_input_stream(self.path(name)) as stream:
            return str(stream.read().decode())

    def write_text(self, name: str, text: str) -> None:
        """Write a whole file in one step: a reader sees the old text or the new, never a part."""
        target = name if not self.is_local else f"{name}.partial"
        try:
            with self.fs.open_output_stream(self.path(target)) as stream:
                stream.write(text.encode())
        except OSError:
            if self.is_local:
                Path(self.path(target)).unlink(missing_ok=True)
            raise
        if self.is_local:
            self.rename(target, name)

    def upload(self, folder: str, name: str) -> None:
        """Copy a folder of this machine to `name`."""
        pafs.copy_files(
            folder, self.path(name), source_filesystem=pafs.LocalFileSystem(), destination_filesystem=self.fs
        )


def is_remote(uri: str) -> bool:
    """Whether `uri` names a filesystem other than this machine's."""
    return "://" in uri and not uri.startswith("file://")


def localize(uri: str) -> str:
    """A local folder with the files of `uri`: itself when it is local, else a copy that this machine keeps."""
    if not is_remote(uri):
        return uri
    target = Path(tempfile.gettempdir()) / "rayboot" / hashlib.sha256(uri.encode()).hexdigest()[:16]
    if not target.exists():
        aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=_made(target.parent)))
        pafs.copy_files(uri, str(aside))
        try:
            aside.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(aside)
    return str(target)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
