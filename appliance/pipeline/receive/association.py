"""One connection from its first byte to its last: the acceptor that the protocol's table drives."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pynetdicom.presentation import PresentationContext

from appliance import journal
from appliance.pipeline.receive import pdu
from appliance.pipeline.receive.connection import PeerLostError, PeerTooSlowError
from appliance.pipeline.receive.dialogue import Dialogue
from appliance.pipeline.receive.evidence import AssociationEvidence
from appliance.pipeline.receive.negotiation import negotiate, read_titles
from appliance.pipeline.receive.peers import Rejection, judge
from appliance.pipeline.receive.protocol import (
    TABLE,
    AbortReason,
    Action,
    Ending,
    PduType,
    ProtocolViolationError,
    State,
)

if TYPE_CHECKING:
    from appliance.clock import Clock
    from appliance.pipeline.receive.admission import Admission
    from appliance.pipeline.receive.connection import Connection
    from appliance.pipeline.receive.settings import Peer, ReceiverSettings
    from appliance.pipeline.receive.sink import Spool


@dataclass(frozen=True, slots=True)
class House:
    """What all associations share."""

    settings: ReceiverSettings
    contexts: list[PresentationContext]
    admission: Admission
    spool: Spool
    clock: Clock


def serve(house: House, connection: Connection, tls: ssl.SSLContext | None) -> None:
    """Serve a connection that has just been accepted, until it is closed."""
    limits = house.settings.limits
    try:
        last_words = _Acceptor(house, connection).run(tls)
        house.admission.wait(connection)
        if last_words is not None:
            connection.send(last_words, connection.deadline(limits.closing_s))
            connection.drain(connection.deadline(limits.closing_s))
    except (PeerLostError, PeerTooSlowError) as gone:
        journal.event("connection-gone", address=str(connection.address), code=gone.code)
    finally:
        house.admission.leave(connection)
        connection.close()


class _Acceptor:
    """Runs one association. Whatever happens, it ends in at most one last PDU to the peer."""

    def __init__(self, house: House, connection: Connection) -> None:
        self._house = house
        self._limits = house.settings.limits
        self._connection = connection
        self._header = memoryview(bytearray(pdu.HEADER_BYTES))
        self._message_began: float | None = None

    def run(self, tls: ssl.SSLContext | None) -> bytes | None:
        """From the first byte to the last PDU, which is returned for sending.

        Raises:
            PeerLostError, PeerTooSlowError: before there was an association.
        """
        try:
            body = self._await_request(tls)
            if body is None:
                return None
            answer = self._admit(body)
        except ProtocolViolationError as violation:
            self._note_violation(violation)
            return pdu.encode_abort(violation.reason)
        if isinstance(answer, Rejection):
            journal.warn("association-rejected", reason=answer.code, **self._where())
            return pdu.encode_reject(answer)
        return answer

    # --- state 2: awaiting the request ------------------------------------------------------------

    def _await_request(self, tls: ssl.SSLContext | None) -> bytes | None:
        deadline = self._connection.deadline(self._limits.request_s)
        if tls is not None:
            self._connection.start_tls(tls, deadline)
        self._connection.receive_into(self._header, deadline)
        kind, length = pdu.parse_header(self._header, self._limits)
        action = TABLE[State.AWAITING_REQUEST, kind]
        if action is Action.END:
            return None
        if action is not Action.NEGOTIATE:
            raise ProtocolViolationError(None, "request expected")
        body = bytearray(length)
        self._connection.receive_into(memoryview(body), deadline)
        return bytes(body)

    def _admit(self, body: bytes) -> Rejection | bytes | None:
        settings = self._house.settings
        titles = read_titles(body)
        if isinstance(titles, Rejection):
            return titles
        peer = judge(titles, self._connection.address, settings)
        if isinstance(peer, Rejection):
            return peer
        agreement = negotiate(body, self._house.contexts, self._limits.pdu_bytes)
        if isinstance(agreement, Rejection):
            return agreement
        if not self._house.admission.sit(self._connection, peer):
            return Rejection.LIMIT_REACHED
        self._connection.send(agreement.answer, self._connection.deadline(self._limits.pdu_s))
        evidence = AssociationEvidence(
            self._house.spool.committer,
            self._house.clock,
            peer.ae_title,
            str(self._connection.address),
        )
        return self._converse(
            Dialogue(agreement.contexts, self._house.spool, evidence), evidence, peer
        )

    # --- state 6: established ---------------------------------------------------------------------

    def _converse(
        self, dialogue: Dialogue, evidence: AssociationEvidence, peer: Peer
    ) -> bytes | None:
        ending, last_words = Ending.LOST, None
        try:
            ending, last_words = self._until_the_end(dialogue)
        except ProtocolViolationError as violation:
            self._note_violation(violation)
            ending, last_words = Ending.ABORTED, pdu.encode_abort(violation.reason)
        except PeerTooSlowError:
            ending, last_words = Ending.ABORTED, pdu.encode_abort(AbortReason.NOT_SPECIFIED)
        except PeerLostError:
            ending = Ending.LOST
        finally:
            dialogue.break_off()
            # Before the release is answered: who sees the answer finds the evidence.
            evidence.close(ending)
            journal.event(
                "association-ended",
                ae_title=peer.ae_title,
                ending=ending.value,
                count=dialogue.stored,
                **self._where(),
            )
        return last_words

    def _until_the_end(self, dialogue: Dialogue) -> tuple[Ending, bytes | None]:
        buffer = memoryview(bytearray(self._limits.pdu_bytes))
        while True:
            kind, body = self._read(buffer)
            action = TABLE[State.ESTABLISHED, kind]
            match action:
                case Action.TAKE_DATA:
                    self._take(body, dialogue)
                case Action.ANSWER_RELEASE:
                    if dialogue.is_within_message:
                        raise ProtocolViolationError(AbortReason.UNEXPECTED_PDU, "release")
                    return Ending.RELEASED, pdu.encode_release()
                case Action.END:
                    return Ending.ABORTED, None
                case _:
                    raise ProtocolViolationError(AbortReason.UNEXPECTED_PDU, "pdu")

    def _read(self, buffer: memoryview) -> tuple[PduType, memoryview]:
        connection = self._connection
        connection.receive_into(self._header, connection.deadline(self._limits.idle_s))
        kind, length = pdu.parse_header(self._header, self._limits)
        body = buffer[:length]
        connection.receive_into(body, connection.deadline(self._limits.pdu_s))
        return kind, body

    def _take(self, body: memoryview, dialogue: Dialogue) -> None:
        for fragment in pdu.fragments(body):
            response = dialogue.take(fragment)
            if response is not None:
                self._connection.send(response, self._connection.deadline(self._limits.pdu_s))
        self._hold_to_rate(dialogue)

    def _hold_to_rate(self, dialogue: Dialogue) -> None:
        """A peer that drips whole PDUs must not hold its place for ever either."""
        now = self._house.clock.monotonic()
        if not dialogue.is_within_message:
            self._message_began = None
        elif self._message_began is None:
            self._message_began = now
        else:
            late = now - self._message_began - self._limits.object_grace_s
            if dialogue.received_bytes < late * self._limits.slowest_bytes_per_s:
                raise PeerTooSlowError

    # --- both -------------------------------------------------------------------------------------

    def _where(self) -> dict[str, str]:
        return {"address": str(self._connection.address)}

    def _note_violation(self, violation: ProtocolViolationError) -> None:
        journal.warn("protocol-violated", reason=violation.detail, **self._where())
