"""Bytes that survive a power cut: write, fsync, rename, fsync the folder.

`BlobStore` names its files at random: a name says nothing about what the file holds.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from appliance.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DIGITS: Final = "0123456789abcdef"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def storage_error(error: OSError) -> StorageError:
    """The technician's view of an operating-system error; the path is not in it."""
    code = "disk-full" if error.errno in _FULL else "storage-failed"
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return StorageError(code, name)


def fsync_file(file: Path) -> None:
    """Make a file that somebody else has written durable, its size and its blocks among it."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(folder: Path) -> None:
    """Make names that were added to or taken from a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, *, mode: int = 0o700) -> None:
    """Create a folder, durably, with its parents; a private one if nothing else is said."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=mode, exist_ok=True)
        fsync_folder(place.parent)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Within it nobody else has the folder locked: who comes later waits.

    Raises:
        StorageError: it cannot be opened.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error(error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a small file as a whole: after a power cut it is the old one or the new one.

    mode: as it will be, whatever the process's umask.
    """
    staging = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            staging.unlink(missing_ok=True)
        raise storage_error(error) from error


def write_tree(folder: Path, files: Mapping[str, bytes], *, mode: int, folder_mode: int) -> None:
    """Make a folder with these files by their paths below it: the bytes durable, then the names.

    Amid it, or after a power cut, some are missing: build it beside, then rename it.
    """
    try:
        folders = {(folder / path).parent for path in files} | {folder}
        for place in sorted(folders):
            place.mkdir(mode=folder_mode, parents=True, exist_ok=True)
        for path, content in files.items():
            with (folder / path).open("xb", buffering=0) as file:
                os.fchmod(file.fileno(), mode)
                written = 0
                while written < len(content):
                    written += file.write(memoryview(content)[written:])
                os.fsync(file.fileno())
        for place in sorted(folders, reverse=True):
            fsync_folder(place)
        fsync_folder(folder.parent)
    except OSError as error:
        raise storage_error(error) from error


def remove_tree(place: Path) -> None:
    """Take away a folder with all that is in it, or a file or link; no error when it is gone."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    if place.parent.is_dir():
        fsync_folder(place.parent)


def free_bytes(folder: Path) -> int:
    """What an unprivileged process may still write there."""
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


def total_bytes(folder: Path) -> int:
    """What unprivileged processes may use of that disk in all, as `df` reckons."""
    room = os.statvfs(folder)
    return (room.f_blocks - room.f_bfree + room.f_bavail) * room.f_frsize


class Reserve:
    """A file that only takes room, so that there is some to give back when the disk is full.

    What then may be written are ledgers and messages: the folder is that of the unit that tells
    people. Looked after often (`look`), since it costs one system call.

    bytes: what is reserved. Below a quarter of that free, it is given back; it is taken anew only
    when four times as much is free, so that it never brings about what it is against.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._bytes = size

    def look(self) -> None:
        """Give the room back, or take it anew, as the disk is. Never fails."""
        with suppress(OSError):
            free = free_bytes(self._path.parent)
            if free < self._bytes // 4:
                self._path.unlink(missing_ok=True)
            elif free >= 4 * self._bytes and not self._path.exists():
                self._take()

    def _take(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._bytes)
        except OSError:
            self._path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)


class PendingBlob:
    """A blob being written; it has no place in the store until `commit`."""

    def __init__(self, staging: Path, store: Path) -> None:
        self._staging = staging
        self._store = store
        # A sealing stream closes the file it writes to, so syncing has a descriptor of its own.
        self._descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        self.file: BinaryIO = os.fdopen(os.dup(self._descriptor), "wb", buffering=0)

    def sync(self) -> None:
        """Bring the bytes to the medium. May run on any thread, before `commit`."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise storage_error(error) from error

    def commit(self) -> str:
        """Bytes to the medium, then the name; returns the name, which is durable."""
        try:
            self.file.close()
            name = self._staging.name
            final = self._store / name[:1] / name
            # Named before it is synced: one journal commit of the file system then covers both.
            self._staging.rename(final)
            self._staging = final
            self.sync()
            fsync_folder(final.parent)
        except OSError as error:
            raise storage_error(error) from error
        self._close()
        return name

    def discard(self) -> None:
        """Leave nothing behind. Closing may fail on a full disk: the bytes go all the same."""
        with suppress(OSError):
            self.file.close()
        self._close()
        with suppress(OSError):
            self._staging.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class BlobStore:
    """A folder of sealed files with random names, in 16 subfolders made beforehand.

    The group may read: other units do, and what they read is sealed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        make_folder(self._incoming, mode=0o750)
        for digit in _DIGITS:
            (root / digit).mkdir(mode=0o750, exist_ok=True)
        fsync_folder(root)

    def create(self) -> PendingBlob:
        """A new blob, open for writing."""
        try:
            return PendingBlob(self._incoming / secrets.token_hex(16), self._root)
        except OSError as error:
            raise storage_error(error) from error

    def _place(self, name: str) -> Path:
        if len(name) != 32 or not set(name) <= set(_DIGITS):  # noqa: PLR2004
            raise StorageError("blob-name-invalid")
        return self._root / name[:1] / name

    def open(self, name: str) -> BinaryIO:
        """A committed blob, open for reading."""
        try:
            return self._place(name).open("rb")
        except FileNotFoundError:
            raise StorageError("blob-missing") from None
        except OSError as error:
            raise storage_error(error) from error

    def delete(self, name: str) -> None:
        """Take a blob out of the store; no error when it is gone already."""
        self.delete_all((name,))

    def delete_all(self, names: Iterable[str]) -> None:
        """Take blobs out of the store; no error for those that are gone already."""
        places = [self._place(name) for name in names]
        try:
            for place in places:
                place.unlink(missing_ok=True)
            for folder in {place.parent for place in places}:
                fsync_folder(folder)
        except OSError as error:
            raise storage_error(error) from error

    def names(self) -> Iterator[str]:
        """All committed blobs."""
        for folder in sorted(self._root.glob("[0-9a-f]")):
            for file in sorted(folder.iterdir()):
                yield file.name

    def sweep_incoming(self) -> int:
        """Remove what a killed process left half-written; returns how many."""
        left = list(self._incoming.iterdir())
        for file in left:
            file.unlink()
        if left:
            fsync_folder(self._incoming)
        return len(left)
