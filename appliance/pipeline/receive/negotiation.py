"""From an A-ASSOCIATE-RQ to its answer, with pynetdicom's codecs and negotiation rules."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

from appliance import __version__
from appliance.pipeline.receive.peers import Rejection, Titles
from appliance.pipeline.receive.protocol import AbortReason, ProtocolViolationError

IMPLEMENTATION_CLASS_UID: Final = "2.25.192551761772683875288179235209659131525"
IMPLEMENTATION_VERSION: Final = f"OSTEON_{__version__}"[:16]

_APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
"""The DICOM application context (PS3.7 annex A.2.1)."""
_FIXED: Final = struct.Struct(">H2x16s16s32x")
"""Protocol version, called and calling AE title (PS3.8 table 9-11, after the header)."""
_DECODER_ERRORS: Final = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pynetdicom's decoders raise on bytes that are not an association request."""


@dataclass(frozen=True, slots=True)
class AcceptedContext:
    """What one accepted presentation context stands for."""

    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """An accepted request: the answer to send, and the contexts by their id."""

    answer: bytes
    contexts: Mapping[int, AcceptedContext]


def read_titles(body: bytes) -> Titles | Rejection:
    """The AE titles, read from their fixed place: an unknown caller gets no further.

    Raises:
        ProtocolViolationError: too short to be a request.
    """
    if len(body) < _FIXED.size:
        raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "request length")
    version, called, calling = _FIXED.unpack_from(body)
    if not version & 1:
        return Rejection.PROTOCOL_VERSION_UNKNOWN
    return Titles(called=_title(called), calling=_title(calling))


def _title(raw: bytes) -> str:
    try:
        return raw.decode("ascii").strip(" \0")
    except UnicodeDecodeError:
        return ""


def negotiate(
    body: bytes, supported: list[PresentationContext], pdu_bytes: int
) -> Agreement | Rejection:
    """The answer to a known caller's request: every proposed context accepted or rejected.

    An asynchronous operations window, roles and extended negotiations get no reply item, which
    means their defaults: one operation at a time, and we are the one that stores.

    Raises:
        ProtocolViolationError: bytes that are no association request.
    """
    try:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(b"\x01\x00" + struct.pack(">I", len(body)) + body)
        if pdu.application_context_name != _APPLICATION_CONTEXT:
            return Rejection.APPLICATION_CONTEXT_UNKNOWN
        request = pdu.to_primitive()
        proposed = request.presentation_context_definition_list
        ids = [context.context_id for context in proposed]
        if not ids or len(set(ids)) != len(ids):
            raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "context ids")
        results, _roles = negotiate_as_acceptor(proposed, supported)
        return Agreement(_answer(request, results, pdu_bytes), _accepted(results))
    except _DECODER_ERRORS as error:
        raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "request") from error


def _accepted(results: list[PresentationContext]) -> dict[int, AcceptedContext]:
    return {
        context.context_id: AcceptedContext(
            str(context.abstract_syntax), str(context.transfer_syntax[0])
        )
        for context in results
        if context.result == 0 and context.context_id is not None
    }


def _answer(request: A_ASSOCIATE, results: list[PresentationContext], pdu_bytes: int) -> bytes:
    length = MaximumLengthNotification()
    length.maximum_length_received = pdu_bytes
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION

    answer = A_ASSOCIATE()
    answer.application_context_name = _APPLICATION_CONTEXT
    answer.calling_ae_title = request.calling_ae_title
    answer.called_ae_title = request.called_ae_title
    answer.result = 0
    answer.result_source = 1
    answer.presentation_context_definition_results_list = results
    answer.user_information = [length, implementation, version]
    return bytes(A_ASSOCIATE_AC(answer).encode())
