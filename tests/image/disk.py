"""Reading a machine's raw disk from outside."""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.simulators import canaries

_SECTOR = 512
_HEADER = struct.Struct("<8s4s4sI4x4Q16sQIII")
"""Of a GPT: signature ... first sector, number and size of its entries, their checksum."""
_ENTRY = struct.Struct("<16s16sQQQ72s")
_ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
_CHUNK = 8 << 20
_OVERLAP = 4096


@dataclass(frozen=True)
class Partition:
    """Where a partition lies, in bytes."""

    start: int
    size: int
    kind: uuid.UUID


def partitions(disk: Path) -> dict[str, Partition]:
    """What the GPT of a raw disk lists, by name; the first of those that share one."""
    found: dict[str, Partition] = {}
    with disk.open("rb") as file:
        file.seek(_SECTOR)
        header = _HEADER.unpack(file.read(_HEADER.size))
        assert header[0] == b"EFI PART"
        first, count, size = header[-4:-1]
        file.seek(first * _SECTOR)
        for _ in range(count):
            entry = _ENTRY.unpack_from(file.read(size))
            if entry[0] != bytes(16):
                name = entry[5].decode("utf-16-le").rstrip("\0")
                start, last = entry[2] * _SECTOR, entry[3] * _SECTOR
                kind = uuid.UUID(bytes_le=entry[0])
                found.setdefault(name, Partition(start, last + _SECTOR - start, kind))
    return found


def esp_offset(disk: Path) -> int:
    """Where the EFI system partition begins, in bytes."""
    return next(each.start for each in partitions(disk).values() if each.kind == _ESP)


def traces(disk: Path) -> frozenset[int]:
    """The numbers of all canaries on the partitions that this machine has made itself."""
    first = partitions(disk)["osteon-keep"].start
    return frozenset().union(*map(canaries.found_in, _written(disk, first)))


def _written(disk: Path, first: int) -> Iterator[bytes]:
    """What of a sparse file was ever written, in chunks that overlap."""
    with disk.open("rb") as file:
        place = first
        while True:
            try:
                place = os.lseek(file.fileno(), place, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), place, os.SEEK_HOLE)
            while place < end:
                yield os.pread(file.fileno(), min(_CHUNK, end - place) + _OVERLAP, place)
                place = min(place + _CHUNK, end)
