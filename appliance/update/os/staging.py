"""The installing unit's end: everything verified anew, and only then laid before systemd-sysupdate.

The mirror was written by a unit that faces the network, and is believed as little as a stick: the
whole TUF workflow runs again from the root that came with the box, in a folder that only root can
write, under a floor of its own. A thief of the update unit can hold an update back, and that is
all. Each piece is read once into memory, verified there, and written from there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from appliance.errors import UpdateError
from appliance.storage import fsync_folder, make_folder, remove_tree, storage_error
from appliance.update.choice import Choice, Stand, choose_os
from appliance.update.client import Client, Published, refreshed
from appliance.update.download import hashed_path, read_whole, refuse_without_room
from appliance.update.floor_record import FloorRecord
from appliance.update.layout import ROLLOUT_TARGET, UpdateFolder
from appliance.update.os.contents import ImageContents, ImageFile
from appliance.update.os.deciding import Orders
from appliance.update.os.mirror import chosen, opened, piece_target
from appliance.update.os.record import OsRecord, OsRef
from appliance.update.rollout import MOST_BYTES, Rollout
from appliance.update.source import FolderSource
from appliance.update.xz import unpack

_RESERVE: Final = 512 << 20


@dataclass(frozen=True, slots=True)
class OsFolder:
    """The installing unit's own folder: only root writes here, the group reads the record."""

    root: Path

    @property
    def record(self) -> Path:
        """See `appliance.update.os.record_file`."""
        return self.root / "os.json"

    @property
    def history(self) -> Path:
        """What happened, one JSON object a line."""
        return self.root / "history.jsonl"

    @property
    def verifying(self) -> UpdateFolder:
        """Where python-tuf works, and the floor: of this unit alone."""
        return UpdateFolder(self.root / "verifying")

    @property
    def ready(self) -> Path:
        """Verified files under the names by which systemd-sysupdate takes them."""
        return self.root / "ready"

    @property
    def lock(self) -> Path:
        """Held by the one process that changes anything."""
        return self.root / "lock"


@dataclass(frozen=True, slots=True)
class Verified:
    """What the maker has signed for this box, verified by this unit."""

    client: Client
    source: FolderSource
    orders: Orders
    image: Published | None
    choice: Choice | None


class Verifier:
    """Reads the mirror. root: the TUF root file that came with the box. name: of its image."""

    def __init__(
        self, folder: OsFolder, mirror: Path, root: bytes, floors: FloorRecord, name: str
    ) -> None:
        self._folder = folder
        self._mirror = mirror
        self._root = root
        self._floors = floors
        self._name = name

    def verify(self, record: OsRecord, device_id: str, clock: float) -> Verified:
        """What is signed for this box. clock: wall seconds by the machine's clock.

        Raises:
            UpdateError: as `appliance.update.client.refreshed`; `update-floor-missing`,
                `update-rollout-invalid`, `update-image-differs`, `update-image-downgrade`.
            StorageError: `disk-full`, `storage-failed`.
        """
        source = FolderSource(self._mirror)
        floor = self._floors.read()
        client = refreshed(self._folder.verifying, source, self._root, floor, clock)
        self._floors.write(client.floor)
        rollout = _rollout(client, source)
        choice = choose_os(rollout, self._name, record, device_id, client.now)
        image = chosen(client, choice) if choice and choice.stand is Stand.WANTED else None
        lowest = client.floor.packs.get(self._name, 0)
        if image and image.release.rollback_index < lowest:
            index = image.release.rollback_index
            raise UpdateError("update-image-downgrade", f"{index} is below {lowest}")
        return Verified(client, source, Orders(_ref(image), rollout.recalled), image, choice)

    def raise_floor(self, record: OsRecord) -> None:
        """After a boot was blessed: as high as what is kept beside it, so that going back is legal.

        Raises:
            UpdateError: `update-floor-missing`.
            StorageError: `disk-full`, `storage-failed`.
        """
        self._floors.write(self._floors.read().at_least(self._name, record.lowest_index))


def stage(
    folder: OsFolder, verified: Verified, report: Callable[[int, int], None]
) -> ImageContents:
    """Write the wanted image's files, each verified piece by piece and as a whole.

    report: is told how many bytes of how many are written.

    Raises:
        UpdateError: `update-file-absent`, the update unit has not fetched all of it yet;
            `update-file-altered` and others of `read_whole`; `update-no-room`.
        StorageError: `disk-full`, `storage-failed`.
    """
    image = verified.image
    if image is None:
        raise ValueError("no image is wanted")
    contents = opened(read_whole(verified.source, image.manifest), image)
    try:
        clear(folder)
        make_folder(folder.ready, mode=0o700)
        refuse_without_room(folder.root, contents.length, _RESERVE)
        done = 0
        for file in contents.files:
            place = folder.ready / f".{contents.file_name(file)}"
            with place.open("xb") as opened_file:
                for written in _pieces(verified, file, opened_file):
                    done += written
                    report(done, contents.length)
                opened_file.flush()
                os.fsync(opened_file.fileno())
            place.rename(folder.ready / contents.file_name(file))
        fsync_folder(folder.ready)
    except OSError as error:
        raise storage_error(error) from error
    return contents


def is_there(verified: Verified) -> bool:
    """Whether the update unit seems to have fetched all of the wanted image. Proves nothing.

    Raises:
        UpdateError: `update-target-invalid`, `update-target-missing`, `update-image-differs`.
    """
    image = verified.image
    if image is None or not verified.source.has(hashed_path(image.manifest)):
        return False
    contents = opened(read_whole(verified.source, image.manifest), image)
    return all(
        verified.source.has(hashed_path(piece_target(verified.client, piece, length)))
        for file in contents.files
        for piece, length in file.lengths()
    )


def clear(folder: OsFolder) -> None:
    """Nothing lies before systemd-sysupdate any more. Raises StorageError."""
    try:
        remove_tree(folder.ready)
    except OSError as error:
        raise storage_error(error) from error


def _pieces(verified: Verified, file: ImageFile, to: BinaryIO) -> Iterator[int]:
    """Write a file's pieces, one after the other; each one's length."""
    whole = hashlib.sha256()
    for piece, length in file.lengths():
        target = piece_target(verified.client, piece, length)
        content = unpack(read_whole(verified.source, target), length)
        if hashlib.sha256(content).hexdigest() != piece:
            raise UpdateError("update-file-altered", target.path)
        whole.update(content)
        if content == bytes(length):
            to.seek(length, os.SEEK_CUR)  # the end of a partition is empty: nothing to write
        else:
            to.write(content)
        yield length
    to.truncate(file.length)
    if whole.hexdigest() != file.sha256:
        raise UpdateError("update-file-altered", file.part)


def _rollout(client: Client, source: FolderSource) -> Rollout:
    target = client.target(ROLLOUT_TARGET)
    if target is None:
        return Rollout({})
    if target.length > MOST_BYTES:
        raise UpdateError("update-rollout-invalid", "too long")
    return Rollout.parse(read_whole(source, target))


def _ref(image: Published | None) -> OsRef | None:
    if image is None:
        return None
    release = image.release
    return OsRef(release.version, release.digest, release.rollback_index)
