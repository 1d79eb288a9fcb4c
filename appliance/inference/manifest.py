"""Who may make a pack, and what exactly they signed: TUF metadata, verified by python-tuf alone.

A pack's `manifest.json` is TUF targets metadata over its other files. The keys and the threshold
come from a root file that ships inside this package. The manifest's expiry is not looked at: a
box that has been off the net for a year must go on reading; freshness is the updater's matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final, Self

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.api.serialization import DeserializationError, SerializationError

from appliance.errors import PackError

MANIFEST_BYTES: Final = 256 * 1024
_FILES: Final = 200


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys that may sign packs, and how many of them must."""

    root: Root

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a TUF root file.

        Raises:
            PackError: `trust-invalid` where it is no root file or not signed by its own keys.
        """
        try:
            metadata: Metadata[Root] = Metadata.from_bytes(content)
            if not isinstance(metadata.signed, Root):
                raise PackError("trust-invalid", "not a root file")
            metadata.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
        except (DeserializationError, SerializationError, RepositoryError) as error:
            raise PackError("trust-invalid", type(error).__name__) from None
        return cls(metadata.signed)

    @classmethod
    def shipped(cls) -> Self:
        """The root file inside this package: for now the public development key."""
        file = resources.files("appliance.inference") / "trust" / "development.json"
        return cls.from_bytes(file.read_bytes())


@dataclass(frozen=True, slots=True)
class Manifest:
    """The signed list of a pack's files.

    digest: SHA-256 (hex) of the signed part in its canonical form, so that it names the content
    and not the spelling of the file.
    """

    digest: str
    files: Mapping[str, TargetFile]


def verify_manifest(content: bytes, trust: Trust) -> Manifest:
    """Check a manifest's signatures before believing anything it says.

    Raises:
        PackError: `pack-manifest-invalid`, `pack-signature-invalid` or `pack-path-invalid`.
    """
    try:
        metadata: Metadata[Targets] = Metadata.from_bytes(content)
        payload = metadata.signed_bytes
    except (DeserializationError, SerializationError) as error:
        raise PackError("pack-manifest-invalid", type(error).__name__) from None
    result = trust.root.get_verification_result("targets", payload, metadata.signatures)
    if not result.verified:
        raise PackError(
            "pack-signature-invalid", f"{len(result.signed)} of {result.threshold} signatures"
        )
    if not isinstance(metadata.signed, Targets):
        raise PackError("pack-manifest-invalid", "another kind of metadata")
    files = metadata.signed.targets
    if len(files) > _FILES:
        raise PackError("pack-manifest-invalid", f"{len(files)} files")
    for path, file in files.items():
        _check_path(path)
        if "sha256" not in file.hashes:
            raise PackError("pack-manifest-invalid", "a file without SHA-256")
    return Manifest(hashlib.sha256(payload).hexdigest(), files)


def _check_path(path: str) -> None:
    parts = path.split("/")
    plain = all(part not in {"", ".", ".."} and part.isprintable() for part in parts)
    if not plain or "\\" in path or not path.isascii():
        raise PackError("pack-path-invalid", "a listed path leads astray")
