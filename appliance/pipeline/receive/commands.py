"""DIMSE command sets as bytes (PS3.7 6.3.1, 9.3 and annex E): implicit VR little endian, always."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from appliance.pipeline.receive.protocol import AbortReason, ProtocolViolationError

COMMAND_BYTES: Final = 8192
"""Longer than any command set that a storage or verification user has reason to send."""

_ELEMENT: Final = struct.Struct("<HHI")
_NO_DATA_SET: Final = 0x0101
_RESPONSE: Final = 0x8000


class _Element(IntEnum):
    GROUP_LENGTH = 0x0000
    AFFECTED_SOP_CLASS_UID = 0x0002
    REQUESTED_SOP_CLASS_UID = 0x0003
    COMMAND_FIELD = 0x0100
    MESSAGE_ID = 0x0110
    MESSAGE_ID_RESPONDED_TO = 0x0120
    DATA_SET_TYPE = 0x0800
    STATUS = 0x0900
    AFFECTED_SOP_INSTANCE_UID = 0x1000


class Operation(IntEnum):
    """Command fields that the box knows what to do with."""

    STORE = 0x0001
    ECHO = 0x0030
    CANCEL = 0x0FFF


class Status(IntEnum):
    """What a response says (PS3.4 table B.2-1, PS3.7 annex C)."""

    SUCCESS = 0x0000
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    UNRECOGNIZED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_MISMATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000


@dataclass(frozen=True, slots=True)
class Request:
    """One command of a peer. UIDs are as sent, without their padding: not yet checked."""

    field: int
    message_id: int
    has_data_set: bool
    sop_class_uid: str
    sop_instance_uid: str


def decode(command: bytes) -> Request:
    """The request that a whole command set holds.

    Raises:
        ProtocolViolationError: not a command set, a response to nothing, or without what every
            request has: command field, message id and data set type.
    """
    values = _elements(command)
    field = _number(values, _Element.COMMAND_FIELD)
    if field & _RESPONSE:
        raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "response to no request")
    message_id = (
        _Element.MESSAGE_ID_RESPONDED_TO if field == Operation.CANCEL else _Element.MESSAGE_ID
    )
    sop_class = values.get(_Element.AFFECTED_SOP_CLASS_UID) or values.get(
        _Element.REQUESTED_SOP_CLASS_UID, b""
    )
    return Request(
        field=field,
        message_id=_number(values, message_id),
        has_data_set=_number(values, _Element.DATA_SET_TYPE) != _NO_DATA_SET,
        sop_class_uid=unpad_uid(sop_class),
        sop_instance_uid=unpad_uid(values.get(_Element.AFFECTED_SOP_INSTANCE_UID, b"")),
    )


def unpad_uid(raw: bytes) -> str:
    """A UID without the one NUL, or the blanks, that make its length even."""
    return raw.removesuffix(b"\0").decode("ascii", "replace").strip(" ")


def _elements(command: bytes) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    at = 0
    while at < len(command):
        if len(command) - at < _ELEMENT.size:
            raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "command element")
        group, element, length = _ELEMENT.unpack_from(command, at)
        at += _ELEMENT.size
        if group != 0 or length > len(command) - at or element in values:
            raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "command element")
        values[element] = command[at : at + length]
        at += length
    return values


def _number(values: dict[int, bytes], element: _Element) -> int:
    raw = values.get(element, b"")
    if len(raw) != 2:  # noqa: PLR2004 - a VR of US with one value
        raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, element.name.lower())
    return int.from_bytes(raw, "little")


def encode_response(request: Request, status: Status) -> bytes:
    """The command set that answers a request; it names what the request named, if that is sane."""
    elements = [
        (_Element.COMMAND_FIELD, _us(request.field | _RESPONSE)),
        (_Element.MESSAGE_ID_RESPONDED_TO, _us(request.message_id)),
        (_Element.DATA_SET_TYPE, _us(_NO_DATA_SET)),
        (_Element.STATUS, _us(status)),
    ]
    if request.sop_class_uid:
        elements.insert(0, (_Element.AFFECTED_SOP_CLASS_UID, _ui(request.sop_class_uid)))
    if request.sop_instance_uid:
        elements.append((_Element.AFFECTED_SOP_INSTANCE_UID, _ui(request.sop_instance_uid)))
    body = b"".join(_ELEMENT.pack(0, tag, len(value)) + value for tag, value in elements)
    length = struct.pack("<I", len(body))
    return _ELEMENT.pack(0, _Element.GROUP_LENGTH, len(length)) + length + body


def _us(number: int) -> bytes:
    return struct.pack("<H", number)


def _ui(uid: str) -> bytes:
    raw = uid.encode("ascii", "replace")[:64]
    return raw + b"\0" * (len(raw) % 2)
