"""What a box leaves on the stick that it was updated from: a signed word of what came of it.

Whoever brought the stick brings it back to the maker: so a box without a network is heard of too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from appliance.signing import DeviceSigner
from appliance.storage import storage_error
from appliance.update.choice import Choice

PAYLOAD_TYPE: Final = "application/vnd.osteon.update-receipt+json"
FOLDER: Final = "receipts"
_FORMAT: Final = 1
_DIGITS: Final = 16
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Receipt:
    """at: ISO 8601, UTC, by the box's clock. timestamp: version of what lay on the stick."""

    device_id: str
    at: str
    timestamp: int
    offered: tuple[Choice, ...]
    refused: tuple[tuple[Choice, str], ...]

    def payload(self) -> bytes:
        """What is signed."""
        return json.dumps(
            {
                "format": _FORMAT,
                "device_id": self.device_id,
                "at": self.at,
                "timestamp": self.timestamp,
                "offered": _plain(self.offered),
                "refused": [
                    {**plain, "code": code}
                    for plain, (_, code) in zip(
                        _plain(choice for choice, _ in self.refused), self.refused, strict=True
                    )
                ],
            },
            indent=1,
        ).encode()


def leave(receipt: Receipt, signer: DeviceSigner, stick: Path) -> Path:
    """Write it onto the stick; returns its place.

    Raises:
        StorageError: `disk-full`, `storage-failed`; a stick that may not be written to is one.
    """
    moment = receipt.at.replace(":", "").replace("-", "")
    name = f"{receipt.device_id[:_DIGITS]}-{moment}.json"
    content = signer.envelope(receipt.payload(), PAYLOAD_TYPE)
    try:
        (stick / FOLDER).mkdir(exist_ok=True)
        folder = os.open(stick / FOLDER, _OPEN)
        try:
            # Exclusive: on a file system with links, a name there may lead anywhere.
            with os.fdopen(os.open(name, _NEW, 0o644, dir_fd=folder), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise storage_error(error) from error
    return stick / FOLDER / name


def _plain(choices: Iterable[Choice]) -> list[dict[str, Any]]:
    return [
        {
            key: value
            for key, value in asdict(choice).items()
            if key in {"name", "version", "digest"}
        }
        for choice in choices
    ]
