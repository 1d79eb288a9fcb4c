"""Two hundred values that exist nowhere else, one in each field that can tell of a patient.

Whatever of them is found where it should not be is a leak; the search knows the spellings in which
programs keep text: UTF-8, UTF-16, GB18030, base64, and deflated streams (PDF, gzip, zip).
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydicom import uid
from pydicom.dataset import Dataset

from tests.simulators import spot_pack

STUDIES: Final = 8
MARK: Final = "ZQXJV"
"""Begins every canary of letters; the rest tells which it is."""
_UID_MARK: Final = "2.25.8675309424242"
_TEXTS: Final = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "OtherPatientNames", "PatientBirthName"),
    *("PatientMotherBirthName", "PatientAddress", "PatientTelephoneNumbers", "Occupation"),
    *("EthnicGroup", "PatientComments", "AdditionalPatientHistory", "MedicalAlerts", "Allergies"),
    *("AccessionNumber", "StudyID", "ReferringPhysicianName", "PerformingPhysicianName"),
    *("OperatorsName", "InstitutionName", "StudyDescription", "RequestedProcedureDescription"),
)
_UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
COUNT: Final = STUDIES * (len(_TEXTS) + len(_UIDS))
_INFLATED_BYTES: Final = 2**20
_STREAMS: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_TOKEN: Final = re.compile(rb"ZQXJV(\d{3})|2\.25\.8675309424242(\d{3})")


def films() -> tuple[Dataset, ...]:
    """Films of a leg with a fracture, each field with a canary of its own; some in Chinese."""
    numbers = iter(range(COUNT))
    made = []
    for study in range(STUDIES):
        values: dict[str, Any] = {keyword: f"{MARK}{next(numbers):03}" for keyword in _TEXTS}
        values |= {keyword: uid.UID(f"{_UID_MARK}{next(numbers):03}") for keyword in _UIDS}
        if study % 2:
            values["PatientName"] = f"{values['PatientName']}=王^小东"
        one = spot_pack.film((120, 90), **values)
        one.SpecificCharacterSet = "GB18030" if study % 2 else "ISO_IR 192"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        made.append(one)
    return tuple(made)


def found_in(content: bytes) -> frozenset[int]:
    """The numbers of the canaries that these bytes hold, in whatever spelling."""
    return frozenset(
        int(match[1] or match[2])
        for spelt in (content, *_inflated(content))
        for plain in _plain(spelt)
        for match in _TOKEN.finditer(plain)
    )


def _plain(content: bytes) -> Iterator[bytes]:
    """The bytes around every mark, as UTF-8. GB18030 spells ASCII as UTF-8 does."""
    yield content
    for codec in ("utf-16-le", "utf-16-be"):
        for mark in (MARK, _UID_MARK):
            spelt = mark.encode(codec)
            for place in _places(content, spelt):
                around = content[place : place + len(spelt) + 6]
                yield around.decode(codec, errors="ignore").encode()
    for mark in (MARK, _UID_MARK):
        for shift in range(3):
            # What base64 makes of the mark when it begins at this place of a group of three; the
            # characters at its ends also hold bits of its neighbours.
            spelt = base64.b64encode(b"\0" * shift + mark.encode())[(shift * 8 + 5) // 6 :]
            spelt = spelt.rstrip(b"=")[:-1]
            for place in _places(content, spelt):
                start = max(0, place - 4)
                run = re.match(rb"[A-Za-z0-9+/\r\n]*", content[start : start + 80])
                letters = (run[0] if run else b"").translate(None, b"\r\n")
                for skip in range(4):
                    part = letters[skip:]
                    yield base64.b64decode(part[: len(part) // 4 * 4])


def _places(content: bytes, needle: bytes) -> Iterator[int]:
    place = content.find(needle)
    while place >= 0:
        yield place
        place = content.find(needle, place + 1)


def _inflated(content: bytes) -> Iterable[bytes]:
    """Whatever begins like a deflated stream and is one."""
    for match in _STREAMS.finditer(content):
        begun = zlib.decompressobj()
        try:
            end = match.start() + _INFLATED_BYTES
            inflated = begun.decompress(content[match.start() : end], _INFLATED_BYTES)
        except zlib.error:
            continue
        if len(inflated) > len(MARK):
            yield inflated
