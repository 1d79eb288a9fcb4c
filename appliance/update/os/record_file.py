"""`os.json`: the record in one durable file. Only root writes it; the group reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from appliance.errors import StorageError
from appliance.storage import storage_error, write_durably
from appliance.update.os.record import OsRecord

_FOR_THE_GROUP: Final = 0o640


@dataclass(frozen=True, slots=True)
class _Content:
    format: Literal[1]
    os: OsRecord


_CONTENT: Final = TypeAdapter(_Content)


def read_record(path: Path) -> OsRecord | None:
    """The record; None where none was begun.

    Raises:
        StorageError: `os-record-broken`; `storage-failed`.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error) from error
    try:
        return _CONTENT.validate_json(content).os
    except ValidationError as error:
        raise StorageError("os-record-broken", f"{error.error_count()} faults") from None


def write_record(path: Path, record: OsRecord) -> None:
    """Replace it as a whole. Raises StorageError: `disk-full`, `storage-failed`."""
    content = _CONTENT.dump_json(_Content(1, record), indent=1)
    write_durably(path, content + b"\n", mode=_FOR_THE_GROUP)
