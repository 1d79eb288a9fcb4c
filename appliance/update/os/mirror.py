"""The update unit's end: a small repository in a folder, with what this box's system needs of it.

Metadata as they were verified, the rollout, and the pieces of the image that this box is meant to
run. Whoever installs reads it as it would read a stick. A reader amid a change sees the old state
or the new one: names carry versions or hashes, and the timestamp goes after all other metadata.
Pieces come last, over days if they must.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile

from appliance.errors import UpdateError
from appliance.storage import make_folder, storage_error, write_durably
from appliance.update.choice import Choice
from appliance.update.client import Client, Published
from appliance.update.download import download, hashed_path, partial_file, refuse_without_room
from appliance.update.layout import (
    METADATA,
    OS_ROLE,
    ROLLOUT_ROLE,
    ROLLOUT_TARGET,
    UpdateFolder,
    os_piece_target,
)
from appliance.update.os.contents import MOST_BYTES, ImageContents
from appliance.update.source import Source

_RESERVE: Final = 512 << 20
"""Left free beside the image: studies come first."""
_PACKING: Final = 1 << 16
_FOLDER: Final = 0o750
_FILE: Final = 0o640
_VERSIONED: Final = ("targets", OS_ROLE, ROLLOUT_ROLE, "snapshot")
_TIMESTAMP: Final = "timestamp"


@dataclass(frozen=True, slots=True)
class Mirror:
    """What one attempt keeps the mirror with. report: bytes that travelled, of how many."""

    folder: UpdateFolder
    client: Client
    source: Source
    report: Callable[[int, int], None]

    def keep(self, wanted: Published | None) -> bool:
        """Bring it up to date; returns whether anything of an image was fetched.

        Raises:
            UpdateError: as `download`; `update-no-room`, `update-target-invalid`,
                `update-target-missing`, `update-image-differs`.
            StorageError: `disk-full`, `storage-failed`.
        """
        kept, fetched = self._rollout(), False
        metadata = _metadata(self.folder.client)
        for path, content in metadata.items():  # a recall does not wait until an image is here
            self._write(path, content)
        if wanted is not None:
            targets = self._targets(wanted)
            fetched = self._fetch(targets, wanted)
            kept |= {hashed_path(target) for target in targets}
        self._remove_all_but(kept | metadata.keys())
        return fetched

    def _rollout(self) -> set[str]:
        target = self.client.target(ROLLOUT_TARGET)
        if target is None:
            return set()
        make_folder(self.folder.partial)
        if self._read(target) is None:
            self._take(target)
        return {hashed_path(target)}

    def _targets(self, wanted: Published) -> list[TargetFile]:
        """The image's release.json, fetched, and its pieces."""
        if wanted.manifest.length > MOST_BYTES:
            raise UpdateError("update-target-invalid", "a release.json that is too long")
        listed = self._read(wanted.manifest) or self._take(wanted.manifest)
        contents = opened(listed, wanted)
        pieces = {piece: length for file in contents.files for piece, length in file.lengths()}
        return [wanted.manifest, *(piece_target(self.client, *each) for each in pieces.items())]

    def _fetch(self, targets: list[TargetFile], wanted: Published) -> bool:
        missing = [target for target in targets if self._read(target) is None]
        total = sum(target.length for target in missing)
        if missing:
            # Twice: here as it travels, and plain where it is installed from.
            refuse_without_room(self.folder.root, total + wanted.release.files_bytes, _RESERVE)
        done = 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            self.report(done, total)

        for target in missing:
            self._take(target, progress)
        return bool(missing)

    def _take(self, target: TargetFile, progress: Callable[[int], None] = lambda _: None) -> bytes:
        content = download(self.source, target, self.folder.partial, progress)
        self._write(hashed_path(target), content)
        partial_file(self.folder.partial, target).unlink(missing_ok=True)
        return content

    def _read(self, target: TargetFile) -> bytes | None:
        """What lies here already, if it is that very target."""
        try:
            content = (self.folder.mirror / hashed_path(target)).read_bytes()
            target.verify_length_and_hashes(content)
        except (OSError, LengthOrHashMismatchError):
            return None
        return content

    def _write(self, path: str, content: bytes) -> None:
        place = self.folder.mirror / path
        try:
            if place.exists() and place.read_bytes() == content:
                return
            make_folder(place.parent, mode=_FOLDER)
        except OSError as error:
            raise storage_error(error) from error
        write_durably(place, content, mode=_FILE)

    def _remove_all_but(self, paths: set[str]) -> None:
        try:
            for place in sorted(self.folder.mirror.rglob("*")):
                if place.is_file() and str(place.relative_to(self.folder.mirror)) not in paths:
                    place.unlink()
        except OSError as error:
            raise storage_error(error) from error


def chosen(client: Client, choice: Choice) -> Published:
    """The image that the rollout names, as the role `os` has signed it.

    Raises:
        UpdateError: as `Client.published`; `update-image-differs`.
    """
    published = client.published_os(choice.name, choice.version)
    if published.release.digest != choice.digest:
        raise UpdateError("update-image-differs", f"{choice.name} {choice.version}")
    return published


def opened(content: bytes, wanted: Published) -> ImageContents:
    """A verified release.json, which must be of the image that its target describes.

    Raises:
        UpdateError: `update-target-invalid`, `update-image-differs`.
    """
    contents, release = ImageContents.parse(content), wanted.release
    if wanted.manifest.hashes.get("sha256") != release.digest:
        raise UpdateError("update-image-differs", f"{release.name} {release.version}")
    found = (contents.name, contents.version, contents.length)
    if found != (release.name, release.version, release.files_bytes):
        raise UpdateError("update-image-differs", f"{release.name} {release.version}")
    return contents


def piece_target(client: Client, piece: str, length: int) -> TargetFile:
    """A piece's target in the role `os`. length: of its plain form.

    Raises:
        UpdateError: `update-target-missing`, `update-target-invalid`.
    """
    path = os_piece_target(piece)
    target = client.target(path)
    if target is None:
        raise UpdateError("update-target-missing", path)
    if target.length > length + _PACKING:
        raise UpdateError("update-target-invalid", f"{path} is longer than its content")
    return target


def _metadata(client: Path) -> Mapping[str, bytes]:
    """The verified metadata by their path in a repository, the timestamp last."""
    try:
        return dict(_named(client))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UpdateError("update-metadata-refused", type(error).__name__) from None


def _named(client: Path) -> Iterator[tuple[str, bytes]]:
    for place in sorted((client / "root_history").glob("*.root.json")):
        yield f"{METADATA}{place.name}", place.read_bytes()
    for role in _VERSIONED:
        place = client / f"{role}.json"
        if role != OS_ROLE or place.exists():
            content = place.read_bytes()
            yield f"{METADATA}{int(json.loads(content)['signed']['version'])}.{role}.json", content
    yield f"{METADATA}{_TIMESTAMP}.json", (client / f"{_TIMESTAMP}.json").read_bytes()
