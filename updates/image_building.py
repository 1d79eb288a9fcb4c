"""From the output of an image's build to a bundle that people sign: looked at, cut, compressed.

The bundle holds the list and the image's release.json, not its gigabytes: those wait in the
workspace, each piece under its own hash, until the bundle is accepted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tuf.api.metadata import TargetFile, Targets

from appliance.storage import make_folder, write_durably
from appliance.update.layout import OS_ROLE, Release, os_piece_target, os_release_target
from appliance.update.os.contents import PIECE_BYTES, ImageContents, ImageFile, Part
from appliance.update.versions import version_key
from appliance.update.xz import pack as compressed
from updates.building import authority, next_targets
from updates.bundle import Bundle
from updates.errors import PublishError
from updates.images import BuiltImage
from updates.packs import published
from updates.repository import Draft

_KEPT: Final = 3
"""Releases of a name that stay listed beside a new one, and on the server; older ones go."""
_PRESET: Final = 6
"""Of xz: the highest one takes three times as long for two parts in a hundred."""


@dataclass(frozen=True, slots=True)
class ProposedImage:
    """What is proposed. before: the newest published version; None for the first."""

    bundle: Bundle
    release: Release
    contents: ImageContents
    before: str | None
    transfer_bytes: int


def build_image(  # noqa: PLR0913 - what a proposal is made of
    image: BuiltImage,
    draft: Draft,
    pieces: Path | None,
    rollback_index: int | None,
    now: datetime,
    *,
    told: Callable[[int], None],
) -> ProposedImage:
    """Propose an image: its release.json and the next list of the role `os`, still unsigned.

    pieces: folder of the workspace where its pieces then lie; None: they are thrown away.
    rollback_index: None for that of the
    newest published one. told: how many bytes have been worked through since the last call.

    Raises:
        PublishError: Its version or rollback index does not come after the newest published one.
    """
    known = published(draft, image.name)
    before = next(reversed(known.values()), None)
    if before and version_key(image.version) <= version_key(before.version):
        raise PublishError(f"{image.version} does not come after {before.version}")
    lowest = before.rollback_index if before else 1
    index = lowest if rollback_index is None else rollback_index
    if index < lowest:
        raise PublishError(f"rollback index {index} is below {lowest}")
    listed = next_targets(draft, OS_ROLE, now)
    had = set(listed.signed.targets)
    _drop_old(listed.signed, draft, image.name)
    if pieces is not None:
        make_folder(pieces)
    files = tuple(_cut(image, part, listed.signed, pieces, told) for part in Part)
    contents = ImageContents(image.name, image.version, files)
    content = contents.to_json()
    digest = hashlib.sha256(content).hexdigest()
    release = Release(image.name, image.version, index, digest, contents.length)
    path = os_release_target(image.name, image.version)
    listed.signed.targets[path] = TargetFile.from_data(path, content, ["sha256"])
    listed.signed.targets[path].unrecognized_fields["custom"] = release.as_custom()
    bundle = Bundle({OS_ROLE: listed}, authority(draft), {digest: compressed(content)})
    new = (file.length for path, file in listed.signed.targets.items() if path not in had)
    return ProposedImage(bundle, release, contents, before.version if before else None, sum(new))


def image_of(draft: Draft, file: TargetFile) -> ImageContents:
    """A published image's release.json."""
    return ImageContents.parse(draft.target(file))


def targets_of(contents: ImageContents) -> Iterator[str]:
    """Paths of the pieces of an image."""
    for file in contents.files:
        for piece in file.pieces:
            yield os_piece_target(piece)


def _drop_old(listed: Targets, draft: Draft, name: str) -> None:
    """Take the oldest releases of that name off the list, with the pieces that no other has."""
    old = list(published(draft, name))[:-_KEPT]
    for version in old:
        del listed.targets[os_release_target(name, version)]
    images = [image_of(draft, file) for file in listed.targets.values() if file.custom is not None]
    needed = {path for image in images for path in targets_of(image)}
    for path in [path for path, file in listed.targets.items() if file.custom is None]:
        if path not in needed:
            del listed.targets[path]


def _cut(
    image: BuiltImage,
    part: Part,
    listed: Targets,
    pieces: Path | None,
    told: Callable[[int], None],
) -> ImageFile:
    """Cut a file into pieces, list each and lay it down compressed; a few at a time, in order."""
    whole, names = hashlib.sha256(), list[str]()
    workers = os.cpu_count() or 1
    place = image.files[part]
    with place.open("rb") as file, ThreadPoolExecutor(workers) as pool:
        while batch := [piece for _ in range(workers) if (piece := file.read(PIECE_BYTES))]:
            for piece in batch:
                whole.update(piece)
                names.append(hashlib.sha256(piece).hexdigest())
            new = {
                name: piece
                for name, piece in zip(names[-len(batch) :], batch, strict=True)
                if os_piece_target(name) not in listed.targets
            }
            packed = pool.map(lambda piece: compressed(piece, _PRESET), new.values())
            for name, content in zip(new, packed, strict=True):
                path = os_piece_target(name)
                listed.targets[path] = TargetFile.from_data(path, content, ["sha256"])
                if pieces is not None:
                    write_durably(pieces / name, content, mode=0o644)
            told(sum(map(len, batch)))
    partition = image.partitions.get(part, "")
    length = place.stat().st_size
    return ImageFile(part, partition, length, whole.hexdigest(), tuple(names))
