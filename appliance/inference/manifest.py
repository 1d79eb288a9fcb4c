"""Who may make a pack, and what exactly they signed: TUF metadata, verified by python-tuf alone.

A pack's `manifest.json` is TUF targets metadata over its other files, signed by the keys of the
role `models`, which `targets` delegates and `root` vouches for (TUF 1.0, sections 2.1 and 4.5).
Root and targets ship inside this package; the update client stores newer ones. No expiry is looked
at here: a box that has been off the net for a year must go on reading; freshness is the updater's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, Self

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signature, TargetFile, Targets
from tuf.api.serialization import DeserializationError, SerializationError

from appliance.errors import PackError

MANIFEST_BYTES: Final = 256 * 1024
PACK_ROLE: Final = "models"
"""The delegated role whose keys sign packs."""
_FILES: Final = 200


@dataclass(frozen=True, slots=True)
class Trust:
    """Root, which names the keys of targets; targets, which names the keys that sign packs."""

    root: Root
    targets: Targets

    @classmethod
    def from_bytes(cls, root: bytes, targets: bytes) -> Self:
        """From a TUF root file, signed by its own keys, and the targets metadata it vouches for.

        Raises:
            PackError: `trust-invalid`.
        """
        try:
            metadata: Metadata[Root] = Metadata.from_bytes(root)
            top = metadata.signed
            if not isinstance(top, Root):
                raise PackError("trust-invalid", "not a root file")
            top.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
            return cls(top, _targets(top, targets))
        except (DeserializationError, SerializationError, RepositoryError) as error:
            raise PackError("trust-invalid", type(error).__name__) from None

    @classmethod
    def shipped(cls) -> Self:
        """What ships inside this package: for now of the public development keys."""
        return cls.from_bytes(shipped("root.json"), shipped("targets.json"))

    def carried_forward(self, metadata: Path) -> Self:
        """This trust as an update client's stored metadata have changed it since.

        metadata: folder of `tuf.ngclient.Updater`. Each further root must be signed by the one
        before it and by itself. What is not there or does not verify adds nothing: whoever can
        write there can bring in no key, and a file that a power cut emptied stops no detection.
        """
        root = self.root
        while (further := _next_root(root, metadata / "root_history")) is not None:
            root = further
        try:
            stored = _targets(root, (metadata / "targets.json").read_bytes())
        except (OSError, DeserializationError, SerializationError, RepositoryError, PackError):
            return type(self)(root, self.targets)
        return type(self)(root, max(self.targets, stored, key=lambda targets: targets.version))


def shipped(name: str) -> bytes:
    """A metadata file of the trust that ships inside this package: root.json or targets.json."""
    return (resources.files("appliance.inference") / "trust" / name).read_bytes()


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
    if not are_as_written(metadata.signatures):
        raise PackError("pack-manifest-invalid", "a signature is spelt as no signer writes it")
    result = trust.targets.get_verification_result(PACK_ROLE, payload, metadata.signatures)
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


def are_as_written(signatures: Mapping[str, Signature]) -> bool:
    """Whether all are in small hexadecimal letters, as every signer writes them.

    A digit in its other case would be the same signature in other bytes: of a file that somebody
    has touched nothing is believed.
    """
    return all(each.signature == each.signature.lower() for each in signatures.values())


def _check_path(path: str) -> None:
    parts = path.split("/")
    plain = all(part not in {"", ".", ".."} and part.isprintable() for part in parts)
    if not plain or "\\" in path or not path.isascii():
        raise PackError("pack-path-invalid", "a listed path leads astray")


def _targets(root: Root, content: bytes) -> Targets:
    metadata: Metadata[Targets] = Metadata.from_bytes(content)
    root.verify_delegate("targets", metadata.signed_bytes, metadata.signatures)
    targets = metadata.signed
    if not isinstance(targets, Targets):
        raise PackError("trust-invalid", "not a targets file")
    if not are_as_written(metadata.signatures):
        raise PackError("trust-invalid", "a signature is spelt as no signer writes it")
    if targets.delegations is None or PACK_ROLE not in (targets.delegations.roles or {}):
        raise PackError("trust-invalid", f"no role {PACK_ROLE}")
    return targets


def _next_root(root: Root, history: Path) -> Root | None:
    try:
        content = (history / f"{root.version + 1}.root.json").read_bytes()
        metadata: Metadata[Any] = Metadata.from_bytes(content)
        further = metadata.signed
        if not isinstance(further, Root) or not are_as_written(metadata.signatures):
            return None
        signed = further.get_root_verification_result(
            root, metadata.signed_bytes, metadata.signatures
        )
    except (OSError, ValueError, DeserializationError, SerializationError):
        return None
    return further if signed else None
