"""Files that are either whole or not there: written aside, synced, renamed.  Readable by this user only."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

PART = ".part"


class DiskError(Exception):
    """The folder cannot be written to; the message is a sentence for people."""

    def __init__(self, error: OSError) -> None:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        why = "the disk is full" if full else (os.strerror(error.errno) if error.errno else "unknown error")
        super().__init__(f"The export folder could not be written: {why}.")
        self.full = full


class FolderInUseError(Exception):
    """Another process works in the folder."""


@contextmanager
def writing() -> Iterator[None]:
    """Failures of the file system become DiskError."""
    try:
        yield
    except OSError as error:
        raise DiskError(error) from None


def make_folder(folder: Path) -> None:
    """The folder, closed to other users."""
    with writing():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the operating system lets go of it when the process dies."""
    with writing():
        handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise FolderInUseError from None
    try:
        yield
    finally:
        os.close(handle)


class PartFile:
    """A file being written beside its final name, hashed as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._hash = hashlib.sha256()
        with writing():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(_aside(path), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            self._file = os.fdopen(handle, "wb")

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        with writing():
            self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Without a commit, what there is stays under the `.part` name."""
        with suppress(OSError):
            self._file.close()

    def commit(self) -> None:
        """Give the whole file its final name."""
        with writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            _aside(self.path).replace(self.path)
            _sync_folder(self.path.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one instant: after a crash it is the old or the new one."""
    with PartFile(path) as part:
        part.write(data)
        part.commit()


def remove_parts(folder: Path) -> None:
    """Remove what broken-off attempts left behind."""
    with writing():
        for path in folder.rglob(f"*{PART}"):
            path.unlink()


def append_line(path: Path, line: bytes) -> None:
    """Add one line to a log."""
    with writing():
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.write(handle, line + b"\n")
        finally:
            os.close(handle)


def _aside(path: Path) -> Path:
    return path.with_name(path.name + PART)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
