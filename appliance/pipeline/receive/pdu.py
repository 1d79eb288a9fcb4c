"""PDUs as bytes: the header is judged before its body is read, and a body is split without copies.

The association PDUs, which are intricate, are left to pynetdicom (`negotiation`); here is the hot
path, where pynetdicom would copy every fragment several times. PS3.8 9.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final

from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, A_RELEASE_RP

from appliance.pipeline.receive.protocol import AbortReason, PduType, ProtocolViolationError

if TYPE_CHECKING:
    from appliance.pipeline.receive.peers import Rejection
    from appliance.pipeline.receive.settings import Limits

HEADER_BYTES: Final = 6
_HEADER: Final = Struct(">BxI")
_ITEM: Final = Struct(">IBB")
_FIXED_BODY: Final = 4
"""Body of every PDU but A-ASSOCIATE-RQ/AC and P-DATA-TF."""
_SOURCE_USER: Final = 0
_SOURCE_PROVIDER: Final = 2


@dataclass(frozen=True, slots=True)
class Fragment:
    """One presentation data value; `data` is a view that lives until the next PDU is read."""

    context: int
    is_command: bool
    is_last: bool
    data: memoryview


def parse_header(header: bytes | bytearray | memoryview, limits: Limits) -> tuple[PduType, int]:
    """Type and body length of the PDU that follows.

    Raises:
        ProtocolViolationError: unknown type, or a length that this type may not have here.
    """
    number, length = _HEADER.unpack(header)
    try:
        kind = PduType(number)
    except ValueError:
        raise ProtocolViolationError(AbortReason.UNRECOGNIZED_PDU, "type") from None
    longest = {
        PduType.ASSOCIATE_RQ: limits.request_bytes,
        PduType.ASSOCIATE_AC: limits.request_bytes,
        PduType.P_DATA_TF: limits.pdu_bytes,
    }.get(kind, _FIXED_BODY)
    if not _FIXED_BODY <= length <= longest:
        raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "length")
    return kind, length


def fragments(body: memoryview) -> Iterator[Fragment]:
    """The presentation data values of a P-DATA-TF body.

    Raises:
        ProtocolViolationError: a value that is longer than its PDU, or too short to be one.
    """
    at = 0
    while at < len(body):
        if len(body) - at < _ITEM.size:
            raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "data value header")
        length, context, control = _ITEM.unpack_from(body, at)
        end = at + 4 + length
        if length < _ITEM.size - 4 or end > len(body):
            raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "data value length")
        yield Fragment(context, bool(control & 1), bool(control & 2), body[at + _ITEM.size : end])
        at = end


def encode_command(context: int, command: bytes) -> bytes:
    """A P-DATA-TF with one whole command set. Ours stay far below what any peer must take."""
    item = _ITEM.pack(len(command) + 2, context, 0b11) + command
    return _HEADER.pack(PduType.P_DATA_TF, len(item)) + item


def encode_reject(rejection: Rejection) -> bytes:
    """An A-ASSOCIATE-RJ."""
    pdu = A_ASSOCIATE_RJ()
    pdu.result, pdu.source, pdu.reason_diagnostic = rejection.value
    return bytes(pdu.encode())


def encode_abort(reason: AbortReason | None) -> bytes:
    """An A-ABORT by the provider for this reason, or by the user without one."""
    pdu = A_ABORT_RQ()
    pdu.source = _SOURCE_USER if reason is None else _SOURCE_PROVIDER
    pdu.reason_diagnostic = 0 if reason is None else int(reason)
    return bytes(pdu.encode())


def encode_release() -> bytes:
    """An A-RELEASE-RP."""
    return bytes(A_RELEASE_RP().encode())
