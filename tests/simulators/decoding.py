"""A real decoding child over objects that a test made, and ways to damage or recode them."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import warnings
import zlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import UID

from appliance.clock import SystemClock
from appliance.domain import InstanceFacts, InstanceHeader, Job, Reason, Study, StudyKey
from appliance.pipeline.assemble.series import build_series
from appliance.pipeline.decode import DecodeLimits, Decoder


class Spool:
    """Objects in memory under the ids that a spool would give them, and a decoder over them."""

    def __init__(self, module: str | None = None, limits: DecodeLimits | None = None) -> None:
        self._objects: list[bytes] = []
        known: dict[str, Any] = {} if module is None else {"module": module}
        self.decoder = Decoder(self._open, SystemClock(), limits, **known)

    def put(self, *contents: bytes | Dataset) -> list[int]:
        first = len(self._objects)
        self._objects += [one if isinstance(one, bytes) else part10(one) for one in contents]
        return list(range(first, len(self._objects)))

    def header(self, content: bytes | Dataset) -> InstanceHeader | Reason:
        ((_, found),) = self.decoder.headers(self.put(content))
        return found

    def facts(self, content: bytes | Dataset) -> InstanceFacts:
        found = self.header(content)
        assert isinstance(found, InstanceHeader), found
        return found.facts

    def study(self, contents: Iterable[bytes | Dataset]) -> Study:
        found = list(self.decoder.headers(self.put(*contents)))
        facts = [one.facts for _, one in found if isinstance(one, InstanceHeader)]
        unreadable = tuple((number, one) for number, one in found if isinstance(one, Reason))
        series, left_out = build_series(facts)
        return Study(StudyKey("0" * 32), 1, series, (), unreadable, left_out)

    def _open(self, spooled_id: int) -> AbstractContextManager[BinaryIO]:
        return io.BytesIO(self._objects[spooled_id])


def job_of(*facts: InstanceFacts) -> Job:
    """A job that reads these instances in this order."""
    ids = tuple(one.spooled_id for one in facts)
    return Job("pack", facts[0].series_uid, ids, None, None)


def by_id(study: Study) -> dict[int, InstanceFacts]:
    return {one.spooled_id: one for series in study.series for one in series.instances}


def part10(dataset: Dataset) -> bytes:
    """The object as a file. Values that the standard forbids are written all the same."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def raw_element(group: int, element: int, vr: str, value: bytes) -> bytes:
    """One element of explicit little-endian VR, with its length in 16 bits."""
    return struct.pack("<HH2sH", group, element, vr.encode(), len(value)) + value


def replace_element(content: bytes, old: bytes, new: bytes) -> bytes:
    """The object with the bytes of one element exchanged."""
    assert content.count(old) == 1
    return content.replace(old, new)


def nested(depth: int) -> bytes:
    """Sequences of undefined length inside each other."""
    opening = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
    opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return opening * depth + closing * depth


def deflated_bomb(dataset: Dataset, mebibytes: int) -> bytes:
    """A deflated object whose data set goes on for `mebibytes` after its beginning."""
    content = part10(dataset)
    start = content.index(struct.pack("<HH2s", 8, 5, b"CS"))
    meta = content[:start].replace(
        b"UI\x14\x001.2.840.10008.1.2.1\0", b"UI\x16\x001.2.840.10008.1.2.1.99"
    )
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    end = content.index(struct.pack("<HH2s", 0x0028, 0x0010, b"US"))
    parts = [packer.compress(content[start:end])]
    filler = struct.pack("<HH2sHI", 0x0029, 0x1010, b"OB", 0, mebibytes * 2**20)
    parts.append(packer.compress(filler))
    parts += [packer.compress(bytes(2**20)) for _ in range(mebibytes)]
    return meta + b"".join(parts) + packer.flush()


def compressed(dataset: Dataset, syntax: UID, plugin: str) -> Dataset:
    """The object compressed by one of pydicom's plug-ins."""
    copy = dcmread(io.BytesIO(part10(dataset)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copy.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    return copy


def by_dcmtk(dataset: Dataset, folder: Path, *command: str) -> bytes:
    """The object as a program of DCMTK recodes it."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is missing: install the Debian package dcmtk")
    before, after = folder / "before.dcm", folder / "after.dcm"
    before.write_bytes(part10(dataset))
    subprocess.run([*command, str(before), str(after)], check=True, capture_output=True)
    return after.read_bytes()
