"""Which object is this? Read from the first bytes of a data set, and no further than needed.

A walk over element headers, not a parser of values: it runs beside the network, so it neither
recurses nor allocates by what the object says. PS3.5 7.1, 7.5 and annex A.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace
from struct import Struct
from typing import Final

from pydicom import uid
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from appliance.errors import ReceiveError

PREFIX_BYTES: Final = 1 << 20
"""How far into a data set, deflated ones inflated, its identity must have come."""

_SOP_CLASS: Final = 0x00080016
_SOP_INSTANCE: Final = 0x00080018
_STUDY: Final = 0x0020000D
_SERIES: Final = 0x0020000E
_WANTED: Final = frozenset({_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES})
_FIRST_GROUP: Final = 0x0008
"""A data set of a composite object has nothing before; file meta in it could reinterpret it."""
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_UNDEFINED: Final = 0xFFFFFFFF
_DEEPEST: Final = 64
_LONG_VRS: Final = frozenset(str(vr).encode() for vr in EXPLICIT_VR_LENGTH_32)
_VR: Final = re.compile(rb"[A-Z]{2}")
_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_UID: Final = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """The UIDs by which an instance is filed, each of them checked."""

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str


@dataclass(frozen=True, slots=True)
class _Coding:
    implicit: bool
    little: bool


@dataclass(frozen=True, slots=True)
class _Level:
    """A data set or item whose elements come, or a sequence whose items come."""

    coding: _Coding
    is_sequence: bool


class _NeedMore(Exception):  # noqa: N818 - not an error: the walk goes on when more has come
    pass


def is_uid(text: str) -> bool:
    """Digits and dots as PS3.5 9.1 wants them; leading zeros pass, since modalities send them."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def read_identity(received: bytes, transfer_syntax: str, *, complete: bool) -> Identity | None:
    """The identity of the object whose data set begins so, or None while more is needed.

    complete: these bytes are the whole data set.

    Raises:
        ReceiveError: `object-not-understood`: not a data set, nested too deeply, without one of
            its four UIDs within the first MiB, or with one that is no UID.
    """
    deflated = transfer_syntax == uid.DeflatedExplicitVRLittleEndian
    data = _inflated(received) if deflated else received[:PREFIX_BYTES]
    try:
        found = _walk(data, _coding(transfer_syntax), complete=complete)
    except _NeedMore:
        if complete or max(len(data), len(received)) >= PREFIX_BYTES:
            raise ReceiveError("object-not-understood", "identity not within reach") from None
        return None
    uids = {tag: _text(value) for tag, value in found.items()}
    if uids.keys() != _WANTED or not all(map(is_uid, uids.values())):
        raise ReceiveError("object-not-understood", "uid missing or invalid")
    return Identity(uids[_SOP_CLASS], uids[_SOP_INSTANCE], uids[_STUDY], uids[_SERIES])


def _inflated(received: bytes) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(received, PREFIX_BYTES)
    except zlib.error:
        raise ReceiveError("object-not-understood", "not deflated") from None


def _coding(transfer_syntax: str) -> _Coding:
    return _Coding(
        implicit=transfer_syntax == uid.ImplicitVRLittleEndian,
        little=transfer_syntax != uid.ExplicitVRBigEndian,
    )


def _text(value: bytes) -> str:
    return value.removesuffix(b"\0").decode("ascii", "replace").strip(" ")


def _walk(data: bytes, coding: _Coding, *, complete: bool) -> dict[int, bytes]:
    """Values of the wanted elements of the outermost data set; stops at the first tag after them.

    Lengths are stepped over; only what has an undefined length is entered.
    """
    found: dict[int, bytes] = {}
    at = 0
    while not (complete and at == len(data)):
        tag, vr, length, at = _element(data, at, coding)
        if tag > _SERIES:
            break
        if tag >> 16 < _FIRST_GROUP:
            raise ReceiveError("object-not-understood", "element before the data set")
        if length == _UNDEFINED:
            at = _after_sequence(data, at, _inner(coding, vr))
            continue
        if tag in _WANTED:
            found[tag] = _value(data, at, length)
        at += length
    return found


def _inner(coding: _Coding, vr: bytes) -> _Coding:
    """How a sequence of undefined length is coded: one of unknown VR is implicit (PS3.5 6.2.2)."""
    return _Coding(implicit=True, little=True) if vr == b"UN" else coding


def _after_sequence(data: bytes, at: int, coding: _Coding) -> int:
    """Where a sequence of undefined length ends, whatever is nested in it."""
    levels = [_Level(coding, is_sequence=True)]
    while levels:
        level = levels[-1]
        tag, vr, length, at = _element(data, at, level.coding)
        if tag == (_SEQUENCE_END if level.is_sequence else _ITEM_END):
            levels.pop()
        elif level.is_sequence and tag != _ITEM:
            raise ReceiveError("object-not-understood", "sequence without item")
        elif length != _UNDEFINED:
            at += length
        elif level.is_sequence:
            levels.append(replace(level, is_sequence=False))
        else:
            levels.append(_Level(_inner(level.coding, vr), is_sequence=True))
        if len(levels) > _DEEPEST:
            raise ReceiveError("object-not-understood", "nested too deeply")
    return at


_TAGS: Final = {True: Struct("<HH"), False: Struct(">HH")}
_LONGS: Final = {True: Struct("<I"), False: Struct(">I")}
_SHORTS: Final = {True: Struct("<H"), False: Struct(">H")}


def _element(data: bytes, at: int, coding: _Coding) -> tuple[int, bytes, int, int]:
    """Tag, VR (empty where there is none), length, and where the value begins."""
    if at + 8 > len(data):
        raise _NeedMore
    little = coding.little
    group, number = _TAGS[little].unpack_from(data, at)
    tag = group << 16 | number
    if coding.implicit or group == _ITEM >> 16:
        return tag, b"", _LONGS[little].unpack_from(data, at + 4)[0], at + 8
    vr = data[at + 4 : at + 6]
    if vr in _LONG_VRS:
        if at + 12 > len(data):
            raise _NeedMore
        return tag, vr, _LONGS[little].unpack_from(data, at + 8)[0], at + 12
    if not _VR.fullmatch(vr):
        raise ReceiveError("object-not-understood", "no value representation")
    return tag, vr, _SHORTS[little].unpack_from(data, at + 6)[0], at + 8


def _value(data: bytes, at: int, length: int) -> bytes:
    if length > _LONGEST_UID:
        raise ReceiveError("object-not-understood", "uid missing or invalid")
    if at + length > len(data):
        raise _NeedMore
    return data[at : at + length]
