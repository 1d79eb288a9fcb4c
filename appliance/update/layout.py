"""Where everything lies: in the TUF repository, and in the update unit's own folder.

The repository is TUF 1.0 with consistent snapshots, so that any static web server, or a folder on
a stick, can serve it: https://theupdateframework.github.io/specification/latest/#consistent-snapshots
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from appliance.errors import UpdateError

METADATA: Final = "metadata/"
"""Folder of the repository with the metadata, before names such as `3.targets.json`."""
TARGETS: Final = "targets/"
"""Folder of the repository with the targets, their names prefixed with their SHA-256."""

MODELS_ROLE: Final = "models"
OS_ROLE: Final = "os"
ROLLOUT_ROLE: Final = "rollout"
DELEGATED_PATHS: Final = {
    MODELS_ROLE: ("models/*/*/*",),
    OS_ROLE: ("os/*/*/*",),
    ROLLOUT_ROLE: ("rollout/*",),
}
"""What each delegated, terminating role may sign for."""

ROLLOUT_TARGET: Final = "rollout/rollout.json"
ISSUED: Final = "issued"
"""Field of our own in signed metadata: ISO 8601, UTC, when it was signed. The only evidence of time
that raises a box's time floor; TUF itself has no such field and lets others be (section 4.1)."""

_FORMAT: Final = 1
_FILES: Final = "files"
_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")
_OS_NAME: Final = re.compile(r"osteon(-[a-z0-9]+)*")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+\.\d+")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def manifest_target(name: str, version: str) -> str:
    """The target that is a published pack's manifest.

    Raises:
        UpdateError: `update-target-invalid`, for a name or version that cannot be published.
    """
    if not is_pack_name(name) or not is_version(version):
        raise UpdateError("update-target-invalid", "not a pack's name and version")
    return f"models/{name}/{version}/manifest.json"


def file_target(sha256: str) -> str:
    """The target with the xz-compressed content whose plain form has this SHA-256 (hex).

    Raises:
        UpdateError: `update-target-invalid`.
    """
    if not is_sha256(sha256):
        raise UpdateError("update-target-invalid", "not a SHA-256")
    return f"models/{_FILES}/{sha256[:2]}/{sha256}.xz"


def os_release_target(name: str, version: str) -> str:
    """The target that says what a published system image consists of.

    Raises:
        UpdateError: `update-target-invalid`.
    """
    if not is_os_name(name) or not is_version(version):
        raise UpdateError("update-target-invalid", "not a system image's name and version")
    return f"os/{name}/{version}/release.json"


def os_piece_target(sha256: str) -> str:
    """The target with an xz-compressed piece of a system image whose plain form has this SHA-256.

    Raises:
        UpdateError: `update-target-invalid`.
    """
    if not is_sha256(sha256):
        raise UpdateError("update-target-invalid", "not a SHA-256")
    return f"os/{_FILES}/{sha256[:2]}/{sha256}.xz"


def is_pack_name(text: object) -> bool:
    """Whether a pack may be published by that name; `files` is where all their files lie."""
    is_name = isinstance(text, str) and _NAME.fullmatch(text) is not None
    return is_name and text != _FILES and not is_os_name(text)


def is_os_name(text: object) -> bool:
    """Whether a system image may have that name (`IMAGE_ID` of its os-release)."""
    return isinstance(text, str) and _OS_NAME.fullmatch(text) is not None


def is_version(text: object) -> bool:
    """X.Y.Z.B."""
    return isinstance(text, str) and _VERSION.fullmatch(text) is not None


def is_sha256(text: object) -> bool:
    """64 hexadecimal digits, small letters."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Release:
    """What is published, as its target says (`custom`): a pack or a system image.

    Signed by the role `models` with a pack's manifest, by `os` with an image's release.json.
    files_bytes: of all its files in plain form, for the check of free space.
    """

    name: str
    version: str
    rollback_index: int
    digest: str
    """`appliance.inference.manifest.Manifest.digest`; of an image, that of its release.json."""
    files_bytes: int

    @classmethod
    def from_custom(cls, custom: object) -> Self:
        """Read it strictly. Raises UpdateError: `update-target-invalid`."""
        match custom:
            case {
                "format": 1,
                "name": str(name),
                "version": str(version),
                "rollback_index": int(index),
                "digest": str(digest),
                "files_bytes": int(files_bytes),
                **others,
            } if (
                not others
                and (is_pack_name(name) or is_os_name(name))
                and is_version(version)
                and is_sha256(digest)
                and not isinstance(index, bool)
                and not isinstance(files_bytes, bool)
                and min(index, files_bytes) >= 0
            ):
                return cls(name, version, index, digest, files_bytes)
        raise UpdateError("update-target-invalid", "a description is not of this format")

    def as_custom(self) -> dict[str, Any]:
        """For the target's `custom`."""
        return {
            "format": _FORMAT,
            "name": self.name,
            "version": self.version,
            "rollback_index": self.rollback_index,
            "digest": self.digest,
            "files_bytes": self.files_bytes,
        }


@dataclass(frozen=True, slots=True)
class UpdateFolder:
    """The update unit's own folder; the others only read `metadata`, `packs` and `offers`."""

    root: Path

    @property
    def metadata(self) -> Path:
        """The metadata in force, durable: none of it is below the floor."""
        return self.root / "metadata"

    @property
    def client(self) -> Path:
        """Where python-tuf works; what it leaves here is believed only after the floor's check."""
        return self.root / "client"

    @property
    def partial(self) -> Path:
        """Downloads that may be resumed, by the SHA-256 of what they will be."""
        return self.root / "partial"

    @property
    def packs(self) -> Path:
        """The store: one folder for each pack, named by its digest."""
        return self.root / "packs"

    @property
    def mirror(self) -> Path:
        """What the maker publishes of this box's system, for the unit that installs it."""
        return self.root / "os"

    @property
    def floors(self) -> tuple[Path, Path]:
        """The two copies of the floor record."""
        return self.root / "floor.1", self.root / "floor.2"

    @property
    def tie(self) -> Path:
        """What ties the floor record to the TPM's counter; root's."""
        return self.root / "floor.tie"

    @property
    def held(self) -> Path:
        """Lies there while the counter does not bear out the record; root's."""
        return self.root / "floor.held"

    @property
    def offers(self) -> Path:
        """What the analyser may take up."""
        return self.root / "offers.json"

    @property
    def history(self) -> Path:
        """What happened, one JSON object a line."""
        return self.root / "history.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the one process that checks."""
        return self.root / "lock"
