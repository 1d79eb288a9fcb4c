"""The store of packs: one folder for each, named by its digest, whole and verified or not there.

A pack is built beside the others, each file durable, read again and verified from the disk as any
pack is, and only then given its name. What another pack has already is copied, not fetched.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from appliance.errors import PackError, UpdateError
from appliance.inference.manifest import MANIFEST_BYTES, Trust, verify_manifest
from appliance.inference.package import MANIFEST, open_pack
from appliance.storage import (
    fsync_folder,
    make_folder,
    remove_tree,
    storage_error,
    write_durably,
    write_tree,
)
from appliance.update.layout import Release, is_sha256

_FOLDER: Final = 0o750
_FILE: Final = 0o640
_UNFINISHED: Final = ".new"
_SIGNED_ANEW: Final = ".manifest"


class PackStore:
    """Below `root`. Only the update unit writes here; the analyser reads."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def place(self, digest: str) -> Path:
        """Where a pack lies, or would lie."""
        return self._root / digest

    def digests(self) -> frozenset[str]:
        """Every pack that has its name."""
        if not self._root.is_dir():
            return frozenset()
        return frozenset(place.name for place in self._root.iterdir() if is_sha256(place.name))

    def is_whole(self, release: Release, trust: Trust) -> bool:
        """Whether that very pack lies here unspoilt."""
        try:
            _check(self.place(release.digest), release, trust)
        except (PackError, UpdateError):
            return False
        return True

    def add(self, release: Release, trust: Trust, files: Mapping[str, bytes]) -> None:
        """Build a pack from its files, the manifest among them; in place of a spoilt one.

        Raises:
            PackError: as `open_pack`.
            UpdateError: `update-pack-differs`, it is not the pack that the release says.
            StorageError: `disk-full`, `storage-failed`.
        """
        unfinished = self._root / f"{release.digest}{_UNFINISHED}"
        final = self.place(release.digest)
        try:
            make_folder(self._root, mode=_FOLDER)
            remove_tree(unfinished)
            write_tree(unfinished, files, mode=_FILE, folder_mode=_FOLDER)
            for path in files:
                _forget_cached(unfinished / path)
            _check(unfinished, release, trust)
            remove_tree(final)
            unfinished.rename(final)
            fsync_folder(self._root)
        except OSError as error:
            raise storage_error(error) from error

    def lacks_signatures(self, digest: str, trust: Trust) -> bool:
        """Whether a pack lies here that too few of these keys have signed."""
        try:
            verify_manifest(self._manifest(digest), trust)
        except PackError as error:
            return error.code == "pack-signature-invalid"
        except OSError:
            return False
        return False

    def add_signatures(self, digest: str, trust: Trust, listed: bytes) -> None:
        """Put the signatures of another copy of a pack's manifest beside those that it has.

        Beside, since until the keys of `trust` are in force the old ones count.

        Raises:
            PackError: as `verify_manifest`.
            UpdateError: `update-pack-differs`, it is the manifest of another pack.
            StorageError: `disk-full`, `storage-failed`.
        """
        if verify_manifest(listed, trust).digest != digest:
            raise UpdateError("update-pack-differs", digest)
        signed: Metadata[Targets] = Metadata.from_bytes(listed)
        try:
            had: Metadata[Targets] = Metadata.from_bytes(self._manifest(digest))
            for keyid, signature in had.signatures.items():
                signed.signatures.setdefault(keyid, signature)
            # Not in the pack's folder: a file that is not listed there would spoil the pack.
            beside = self._root / f"{digest}{_SIGNED_ANEW}"
            write_durably(beside, signed.to_bytes(JSONSerializer(compact=False)), mode=_FILE)
            beside.replace(self.place(digest) / MANIFEST)
            fsync_folder(self.place(digest))
        except OSError as error:
            raise storage_error(error) from error

    def _manifest(self, digest: str) -> bytes:
        with (self.place(digest) / MANIFEST).open("rb") as file:
            return file.read(MANIFEST_BYTES)

    def remove_all_but(self, digests: Iterable[str]) -> tuple[str, ...]:
        """Take away every other pack and everything unfinished; returns the packs' digests."""
        kept = frozenset(digests)
        gone = tuple(sorted(self.digests() - kept))
        try:
            for place in sorted(self._root.iterdir()) if self._root.is_dir() else ():
                if place.name not in kept:
                    remove_tree(place)
        except OSError as error:
            raise storage_error(error) from error
        return gone


def contents(packs: Iterable[Path]) -> dict[str, Path]:
    """SHA-256 (hex) → a file of one of these packs with that content.

    Nothing is believed of it, so that no signature is asked for: who copies checks what was copied.
    """
    found: dict[str, Path] = {}
    for pack in packs:
        for place in sorted(pack.rglob("*")):
            if place.is_symlink() or not place.is_file():
                continue
            with suppress(OSError), place.open("rb") as file:
                found[hashlib.file_digest(file, "sha256").hexdigest()] = place
    return found


def copied(place: Path | None, file: TargetFile) -> bytes | None:
    """The content of a file that should be this one; None where it is not."""
    if place is None:
        return None
    try:
        content = place.read_bytes()
        file.verify_length_and_hashes(content)
    except (OSError, LengthOrHashMismatchError):
        return None
    return content


def _check(folder: Path, release: Release, trust: Trust) -> None:
    pack = open_pack(folder, trust)
    identity = pack.identity
    found = (identity.name, identity.version, identity.digest, pack.spec.rollback_index)
    if found != (release.name, release.version, release.digest, release.rollback_index):
        raise UpdateError("update-pack-differs", f"{release.name} {release.version}")


def _forget_cached(place: Path) -> None:
    """So that the next reading comes from the medium."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
