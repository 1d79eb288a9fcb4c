"""Destroying files: keys by content and name, what they sealed by name. Follows no link.

Never leaves the file system either. What the medium keeps besides (flash behind its translation
layer, blocks that the file system had freed before) is not reached; the certificate says so.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from appliance.storage import fsync_folder

_OPEN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK: Final = 1 << 20


@dataclass
class Removal:
    """What came of it. `troubles`: one line for each file that is still there, without names."""

    files: int = 0
    troubles: list[str] = field(default_factory=list)


def destroy_file(path: Path) -> None:
    """Overwrite a file, durably, then take its name away, durably. Gone already is done.

    Raises OSError, after the name was tried too.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | _OPEN)
    except FileNotFoundError:
        return
    except OSError:
        if not path.is_symlink():
            raise
        path.unlink()
        return
    try:
        _overwrite(descriptor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        fsync_folder(path.parent)


def spoil_keys(root: Path, is_sealed: Callable[[str], bool]) -> Removal:
    """Overwrite, durably, every file below a folder that may hold a key: all that is not sealed."""
    done = Removal()
    try:
        descriptor = os.open(root, _FOLDER)
    except FileNotFoundError:
        return done
    except OSError as error:
        done.troubles.append(f"a folder: {error.strerror}")
        return done
    try:
        _walk(descriptor, os.fstat(descriptor).st_dev, done, _SpoilKeys(is_sealed))
    finally:
        os.close(descriptor)
    return done


def remove_folder(root: Path) -> Removal:
    """Take away all files below a folder, then the folder.

    Content is not touched: what may hold a key was overwritten before, and what is sealed has no
    key any more. Hundreds of thousands of images could not be overwritten while somebody waits.
    """
    done = Removal()
    try:
        descriptor = os.open(root, _FOLDER)
    except FileNotFoundError:
        return done
    except OSError as error:
        done.troubles.append(f"a folder: {error.strerror}")
        return done
    try:
        _walk(descriptor, os.fstat(descriptor).st_dev, done, _Unlink())
        os.fsync(descriptor)
    except OSError as error:
        done.troubles.append(f"a folder: {error.strerror}")
    finally:
        os.close(descriptor)
    with suppress(OSError):  # a mount point stays; what is in it counts
        root.rmdir()
        fsync_folder(root.parent)
    return done


class _Action(Protocol):
    removes: bool

    def file(self, folder: int, name: str) -> None:
        """Act on one file of an open folder. Raises OSError."""
        ...


class _SpoilKeys:
    """Content that may be a key, brought to the medium at once."""

    removes = False

    def __init__(self, is_sealed: Callable[[str], bool]) -> None:
        self._is_sealed = is_sealed

    def file(self, folder: int, name: str) -> None:
        if self._is_sealed(name):
            return
        descriptor = os.open(name, os.O_WRONLY | _OPEN, dir_fd=folder)
        try:
            _overwrite(descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Unlink:
    """Second pass: names."""

    removes = True

    def file(self, folder: int, name: str) -> None:
        os.unlink(name, dir_fd=folder)


def _walk(folder: int, device: int, done: Removal, action: _Action) -> None:
    for name in os.listdir(folder):
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                _enter(folder, name, device, done, action)
            elif stat.S_ISREG(found.st_mode) or action.removes:
                action.file(folder, name)
                done.files += action.removes
        except OSError as error:
            done.troubles.append(f"a file: {error.strerror}")


def _enter(folder: int, name: str, device: int, done: Removal, action: _Action) -> None:
    inner = os.open(name, _FOLDER, dir_fd=folder)
    try:
        if os.fstat(inner).st_dev != device:
            done.troubles.append("a folder: another file system is mounted there")
            return
        _walk(inner, device, done, action)
    finally:
        os.close(inner)
    if action.removes:
        os.rmdir(name, dir_fd=folder)


def _overwrite(descriptor: int) -> None:
    """In place, with random bytes: a file system that compresses or finds holes cannot elide it."""
    left = os.fstat(descriptor).st_size
    offset = 0
    while left > 0:
        written = os.pwrite(descriptor, os.urandom(min(left, _CHUNK)), offset)
        offset += written
        left -= written
