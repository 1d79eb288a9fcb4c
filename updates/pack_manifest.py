"""The manifest of a pack: TUF targets metadata over every other file of its folder.

The same files give the same signed part, byte for byte, and so the same digest: its expiry is
fixed (the box does not look at it, see `appliance.inference.manifest`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from appliance.inference.package import MANIFEST

EXPIRES: Final = datetime(2036, 1, 1, tzinfo=UTC)


def pack_files(folder: Path) -> dict[str, bytes]:
    """What the manifest of that pack lists: path in the pack → content."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != folder / MANIFEST
    }


def unsigned(files: Mapping[str, bytes]) -> Metadata[Targets]:
    """The manifest of these files, still without a signature."""
    targets = {path: TargetFile.from_data(path, files[path], ["sha256"]) for path in sorted(files)}
    return Metadata(Targets(expires=EXPIRES, targets=targets))


def manifest(files: Mapping[str, bytes], *signers: Signer) -> bytes:
    """The manifest of these files, signed by all of these."""
    metadata = unsigned(files)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer())
