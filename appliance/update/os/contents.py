"""What a system image consists of: the target `release.json` of the role `os`. Pure.

Three files, each cut into pieces of one length, so that a slow line resumes and little memory is
enough; each piece travels as xz, named by its plain content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

from appliance.errors import UpdateError
from appliance.update.layout import is_os_name, is_sha256, is_version

MOST_BYTES: Final = 1 << 18
"""Of a release.json."""
PIECE_BYTES: Final = 8 << 20
IMAGE_BYTES: Final = 6 << 30
"""No image is larger, all files together, in plain form."""
_FORMAT: Final = 1
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Part(StrEnum):
    """Which file of an image; the value ends the name under which systemd-sysupdate finds it."""

    KERNEL = "efi"
    """The signed unified kernel image."""
    ROOT = "root"
    VERITY = "verity"


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file, in plain form.

    partition: UUID that its partition must have, by which the kernel image finds it; empty for the
    kernel image itself. pieces: their SHA-256, in order.
    """

    part: Part
    partition: str
    length: int
    sha256: str
    pieces: tuple[str, ...]

    def lengths(self) -> Iterator[tuple[str, int]]:
        """Each piece with its length in plain form."""
        left = self.length
        for piece in self.pieces:
            yield piece, min(left, PIECE_BYTES)
            left -= PIECE_BYTES


@dataclass(frozen=True, slots=True)
class ImageContents:
    """A whole image. name, version: `IMAGE_ID` and `IMAGE_VERSION` of its os-release."""

    name: str
    version: str
    files: tuple[ImageFile, ...]

    @property
    def length(self) -> int:
        """Bytes in plain form."""
        return sum(file.length for file in self.files)

    def file_name(self, file: ImageFile) -> str:
        """As the transfer files of systemd-sysupdate have it."""
        uuid = f"_{file.partition}" if file.partition else ""
        return f"{self.name}_{self.version}{uuid}.{file.part}"

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read it strictly.

        Raises:
            UpdateError: `update-target-invalid`.
        """
        if len(content) > MOST_BYTES:
            raise UpdateError("update-target-invalid", "an image: too long")
        try:
            return cls(**_parts(**json.loads(content)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UpdateError("update-target-invalid", f"an image: {error}"[:80]) from None

    def to_json(self) -> bytes:
        """The target's content."""
        tree = {
            "format": _FORMAT,
            "name": self.name,
            "version": self.version,
            "piece_bytes": PIECE_BYTES,
            "files": [asdict(file) for file in self.files],
        }
        return json.dumps(tree, indent=1).encode() + b"\n"


def _parts(
    *,
    format: int,  # noqa: A002 - the file's key
    name: str,
    version: str,
    piece_bytes: int,
    files: list[Mapping[str, Any]],
) -> dict[str, Any]:
    if format != _FORMAT or piece_bytes != PIECE_BYTES:
        raise ValueError("format")
    if not is_os_name(name) or not is_version(version):
        raise ValueError("name or version")
    read = tuple(_file(**each) for each in files)
    if sorted(file.part for file in read) != sorted(Part):
        raise ValueError("not exactly one file of each kind")
    if sum(file.length for file in read) > IMAGE_BYTES:
        raise ValueError("too large")
    return {"name": name, "version": version, "files": read}


def _file(*, part: str, partition: str, length: int, sha256: str, pieces: list[str]) -> ImageFile:
    kind = Part(part)
    is_named = partition == "" if kind is Part.KERNEL else _UUID.fullmatch(partition)
    if type(length) is not int or length < 1 or not is_named:
        raise ValueError("length or partition")
    if not is_sha256(sha256) or not all(map(is_sha256, pieces)):
        raise ValueError("SHA-256")
    if len(pieces) != -(-length // PIECE_BYTES):
        raise ValueError("count of pieces")
    return ImageFile(kind, partition, length, sha256, tuple(pieces))
