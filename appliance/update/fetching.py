"""One pack from the repository into the store: only what the box has nowhere is fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuf.api.metadata import TargetFile

from appliance.errors import PackError, UpdateError
from appliance.inference.manifest import MANIFEST_BYTES, Manifest, Trust, verify_manifest
from appliance.inference.package import MANIFEST, PACK_BYTES
from appliance.storage import make_folder
from appliance.update.client import Client, Published
from appliance.update.download import download, refuse_without_room
from appliance.update.layout import UpdateFolder, file_target
from appliance.update.source import Source
from appliance.update.store import PackStore, contents, copied
from appliance.update.xz import unpack

_RESERVE: Final = 64 << 20
"""Left free beside the pack: for the floor record, the offers and the analyser's own."""
_PACKING: Final = 1 << 16
"""What xz may add to a file that does not compress."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How far one pack's fetching is: bytes as they travel."""

    name: str
    done: int
    total: int


Report = Callable[[Amount], None]


@dataclass(frozen=True, slots=True)
class Fetcher:
    """What one attempt fetches with. others: packs from which content may be copied."""

    folder: UpdateFolder
    client: Client
    source: Source
    others: Iterable[Path]
    report: Report

    def fetch(self, published: Published) -> None:
        """Bring a published pack into the store; nothing is done where it lies there whole.

        Raises:
            PackError: as `open_pack`.
            UpdateError: as `download`; `update-pack-differs`, `update-no-room`.
            StorageError: `disk-full`, `storage-failed`.
        """
        release, trust = published.release, self.client.trust
        store = PackStore(self.folder.packs)
        if store.is_whole(release, trust):
            return
        make_folder(self.folder.partial)
        listed = download(self.source, published.manifest, self.folder.partial, _silent)
        manifest = _checked(listed, published, trust)
        had = contents([*self.others, *map(store.place, sorted(store.digests()))])
        files = {
            path: copied(had.get(_sha256(file)), file) for path, file in manifest.files.items()
        }
        missing = {path: manifest.files[path] for path, content in files.items() if content is None}
        fetched = self._fetched(release.name, missing, release.files_bytes)
        whole = {path: content for path, content in files.items() if content is not None}
        store.add(release, trust, {MANIFEST: listed, **whole, **fetched})

    def _fetched(
        self, name: str, missing: Mapping[str, TargetFile], plain_bytes: int
    ) -> Mapping[str, bytes]:
        targets = {path: self._target(file) for path, file in missing.items()}
        total = sum(target.length for target in targets.values())
        refuse_without_room(self.folder.root, total + plain_bytes, _RESERVE)
        done = 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            self.report(Amount(name, done, total))

        fetched = {}
        for path, target in targets.items():
            packed = download(self.source, target, self.folder.partial, progress)
            fetched[path] = unpack(packed, missing[path].length)
        return fetched

    def _target(self, file: TargetFile) -> TargetFile:
        path = file_target(_sha256(file))
        target = self.client.target(path)
        if target is None:
            raise UpdateError("update-target-missing", path)
        if target.length > file.length + _PACKING:
            raise UpdateError("update-target-invalid", f"{path} is longer than its content")
        return target


def _checked(listed: bytes, published: Published, trust: Trust) -> Manifest:
    release = published.release
    if len(listed) > MANIFEST_BYTES:
        raise PackError("pack-manifest-invalid", "too long")
    manifest = verify_manifest(listed, trust)
    if manifest.digest != release.digest:
        raise UpdateError("update-pack-differs", f"{release.name} {release.version}")
    lengths = [file.length for file in manifest.files.values()]
    if sum(lengths) > PACK_BYTES or min(lengths, default=0) < 0:
        raise PackError("pack-too-large", f"more than {PACK_BYTES >> 20} MiB")
    if sum(lengths) != release.files_bytes:
        raise UpdateError("update-target-invalid", "files_bytes is not the sum of the files")
    return manifest


def _silent(_count: int) -> None:
    """The manifest is too short to report on."""


def _sha256(file: TargetFile) -> str:
    return file.hashes["sha256"]
