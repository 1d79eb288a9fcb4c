"""Where bytes come from. A source is never trusted: TUF's metadata say what they must be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import Final, Protocol

from appliance.errors import UpdateError

_CHUNK: Final = 1 << 18
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not block


Pieces = Generator[tuple[int, bytes], None, None]
"""Pieces of a file, each with its place in it; to be closed by who stops early."""


class AbsentError(Exception):
    """The source has no such file."""


class ShrunkError(Exception):
    """The source's file ends before the place from which it was asked."""


class Source(Protocol):
    """A TUF repository's files by their path below its root, such as `metadata/1.root.json`."""

    @property
    def name(self) -> str:
        """For people and for the history; holds no secret."""
        ...

    def read(self, path: str, begin: int = 0) -> Pieces:
        """The file's bytes; a source may begin before `begin`.

        Raises, with the first piece or a later one:
            AbsentError: there is no such file.
            ShrunkError: it ends before `begin`.
            UpdateError: `update-source-unreachable`, `update-source-slow`,
                `update-source-irregular`.
        """
        ...


class FolderSource:
    """A repository in a folder, such as a mounted stick. Who made it is not trusted: no links."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        """See `Source.name`."""
        return str(self._folder)

    def has(self, path: str) -> bool:
        """Whether something lies there; not whether it can be read."""
        return (self._folder / path).exists()

    def read(self, path: str, begin: int = 0) -> Pieces:
        """See `Source.read`."""
        try:
            descriptor = self._opened(path)
        except FileNotFoundError:
            if not self._folder.is_dir():
                raise UpdateError("update-source-unreachable", "no such folder") from None
            raise AbsentError from None
        except OSError as error:
            code = (
                "update-source-irregular"
                if error.errno in {errno.ELOOP, errno.ENOTDIR}
                else "update-source-unreachable"
            )
            raise UpdateError(code, errno.errorcode.get(error.errno or 0, "unknown")) from None
        yield from _pieces(descriptor, begin)

    def _opened(self, path: str) -> int:
        place = os.open(self._folder, _FOLDER)
        *folders, name = path.split("/")
        try:
            for folder in folders:
                inner = os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=place)
                os.close(place)
                place = inner
            return os.open(name, _FILE, dir_fd=place)
        finally:
            os.close(place)


def _pieces(descriptor: int, begin: int) -> Pieces:
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UpdateError("update-source-irregular", "not a plain file")
        if status.st_size < begin:
            raise ShrunkError
        try:
            place = file.seek(begin)
            while piece := file.read(_CHUNK):
                yield place, piece
                place += len(piece)
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "unknown")
            raise UpdateError("update-source-unreachable", name) from None
