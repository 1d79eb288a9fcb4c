"""One target into one file that survives: resumed where the last attempt ended, verified, durable.

TUF's own `download_target` spools through the temporary folder, cannot resume, and writes the final
name in place; its metadata and checks are used here, its downloading is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile

from appliance.errors import UpdateError
from appliance.storage import free_bytes, storage_error
from appliance.update.layout import TARGETS
from appliance.update.source import AbsentError, Pieces, ShrunkError, Source

Progress = Callable[[int], None]
"""Called with the count of bytes that have come since the last call."""

_SYNCED_EVERY: Final = 1 << 20
"""Bytes after which what has come is made durable: what a power cut costs on a slow line."""


def hashed_path(target: TargetFile) -> str:
    """Where a target lies in a repository with consistent snapshots (TUF 1.0, section 6.2)."""
    folder, slash, name = target.path.rpartition("/")
    return f"{TARGETS}{folder}{slash}{_sha256(target)}.{name}"


def partial_file(folder: Path, target: TargetFile) -> Path:
    """Where a target is gathered."""
    return folder / _sha256(target)


def download(source: Source, target: TargetFile, folder: Path, progress: Progress) -> bytes:
    """The target's content, verified; what of it has come before is not fetched again.

    What has come stays in `folder` until the caller takes it away, whatever ends the attempt; only
    what turns out to be wrong is removed at once.

    Raises:
        UpdateError: `update-file-absent`, `update-file-short`, `update-file-long`,
            `update-file-altered`, and those of `Source.read`.
        StorageError: `disk-full`, `storage-failed`.
    """
    place = partial_file(folder, target)
    try:
        _complete(source, target, place, progress)
        content = place.read_bytes()
    except OSError as error:
        raise storage_error(error) from error
    try:
        target.verify_length_and_hashes(content)
    except LengthOrHashMismatchError:
        place.unlink(missing_ok=True)
        raise UpdateError("update-file-altered", target.path) from None
    return content


def read_whole(source: Source, target: TargetFile) -> bytes:
    """The same from a source that is near: nothing is kept, nothing is resumed.

    Raises:
        UpdateError: as `download`.
    """
    content = bytearray()
    try:
        with closing(source.read(hashed_path(target))) as pieces:
            for _, piece in pieces:
                content += piece
                if len(content) > target.length:
                    raise UpdateError("update-file-long", target.path)
        target.verify_length_and_hashes(bytes(content))
    except AbsentError:
        raise UpdateError("update-file-absent", target.path) from None
    except LengthOrHashMismatchError:
        raise UpdateError("update-file-altered", target.path) from None
    return bytes(content)


def refuse_without_room(folder: Path, wanted: int, reserve: int) -> None:
    """Raises UpdateError `update-no-room` where less would be left free than the reserve."""
    try:
        free = free_bytes(folder)
    except OSError as error:
        raise storage_error(error) from error
    if free < wanted + reserve:
        raise UpdateError("update-no-room", f"{(wanted + reserve - free) >> 20} MiB too few")


def _complete(source: Source, target: TargetFile, place: Path, progress: Progress) -> None:
    have = place.stat().st_size if place.exists() else 0
    if have < target.length:
        try:
            read = source.read(hashed_path(target), have)
            with closing(read) as pieces, place.open("ab") as file:
                have = _gather(pieces, file, have, target, progress)
        except AbsentError:
            raise UpdateError("update-file-absent", target.path) from None
        except ShrunkError:
            place.unlink()
            raise UpdateError("update-file-short", target.path) from None
    else:
        progress(have)
    if have > target.length:
        place.unlink()
        raise UpdateError("update-file-long", target.path)
    if have < target.length:
        raise UpdateError("update-file-short", target.path)


def _gather(
    pieces: Pieces,
    file: BinaryIO,
    have: int,
    target: TargetFile,
    progress: Progress,
) -> int:
    """Append what comes, up to one piece too many; returns how much there is then."""
    progress(have)
    unsynced = 0
    try:
        for begin, piece in pieces:
            if begin != have:  # a server that does not know ranges begins anew
                file.truncate(begin)
                progress(begin - have)
                have = begin
            file.write(piece)
            have += len(piece)
            unsynced += len(piece)
            progress(len(piece))
            if have > target.length:
                break
            if unsynced >= _SYNCED_EVERY:
                _sync(file)
                unsynced = 0
    finally:
        _sync(file)
    return have


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sha256(target: TargetFile) -> str:
    try:
        return target.hashes["sha256"]
    except KeyError:
        raise UpdateError("update-target-invalid", "a target without SHA-256") from None
