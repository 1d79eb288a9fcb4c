"""The messages of one association: fragments in, responses out, objects to the spool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from appliance import journal
from appliance.errors import OsteonError, ReceiveError
from appliance.ledger.intake import Filing
from appliance.pipeline.receive import commands
from appliance.pipeline.receive.commands import Operation, Request, Status
from appliance.pipeline.receive.pdu import Fragment, encode_command
from appliance.pipeline.receive.protocol import AbortReason, ProtocolViolationError
from appliance.pipeline.receive.sink import ObjectSink, Spool
from appliance.pipeline.receive.sop_classes import VERIFICATION

if TYPE_CHECKING:
    from appliance.pipeline.receive.evidence import AssociationEvidence
    from appliance.pipeline.receive.negotiation import AcceptedContext

_STATUS: Final[Mapping[str, Status]] = {
    "object-not-understood": Status.CANNOT_UNDERSTAND,
    "object-mismatch": Status.DATA_SET_MISMATCH,
}
"""What the peer is told for an error's code; whatever is ours is a lack of resources."""


class Dialogue:
    """One message at a time, as the standard has it without an asynchronous window (PS3.7 6.3)."""

    def __init__(
        self,
        contexts: Mapping[int, AcceptedContext],
        spool: Spool,
        evidence: AssociationEvidence,
    ) -> None:
        self._contexts = contexts
        self._spool = spool
        self._evidence = evidence
        self._command = bytearray()
        self._context: int | None = None
        self._request: Request | None = None
        self._sink: ObjectSink | None = None
        self.stored = 0

    @property
    def is_within_message(self) -> bool:
        """Whether a message has begun that has not ended."""
        return self._context is not None

    @property
    def received_bytes(self) -> int:
        """How much of the object under way has come."""
        return 0 if self._sink is None else self._sink.size

    def take(self, fragment: Fragment) -> bytes | None:
        """Take one fragment; the response PDU, when it was the last one of a message.

        Raises:
            ProtocolViolationError: the fragment may not come here.
        """
        if fragment.context not in self._contexts:
            raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "context not accepted")
        if self._context not in (None, fragment.context):
            raise ProtocolViolationError(AbortReason.UNEXPECTED_PARAMETER, "context within message")
        if fragment.is_command != (self._request is None):
            raise ProtocolViolationError(AbortReason.UNEXPECTED_PARAMETER, "command or data set")
        self._context = fragment.context
        if self._request is None:
            return self._take_command(fragment)
        if self._sink is not None:
            self._sink.write(fragment.data)
        return self._answer(self._request) if fragment.is_last else None

    def break_off(self) -> None:
        """The association is over: an object that is not whole leaves nothing behind."""
        if self._sink is not None:
            self._sink.discard()
        self._forget()

    def _take_command(self, fragment: Fragment) -> bytes | None:
        if len(self._command) + len(fragment.data) > commands.COMMAND_BYTES:
            raise ProtocolViolationError(AbortReason.INVALID_PARAMETER, "command set length")
        self._command += fragment.data
        if not fragment.is_last:
            return None
        request = commands.decode(bytes(self._command))
        self._request = request
        context = self._contexts[fragment.context]
        if request.field == Operation.STORE and request.sop_class_uid == context.abstract_syntax:
            self._sink = ObjectSink(self._spool, request, context.transfer_syntax)
        return None if request.has_data_set else self._answer(request)

    def _answer(self, request: Request) -> bytes | None:
        assert self._context is not None  # noqa: S101 - set with the message's first fragment
        context = self._context
        if request.field == Operation.CANCEL:
            self._forget()
            return None
        status = self._carry_out(request, self._contexts[context])
        self._forget()
        return encode_command(context, commands.encode_response(request, status))

    def _carry_out(self, request: Request, context: AcceptedContext) -> Status:
        if request.field == Operation.ECHO and context.abstract_syntax == VERIFICATION:
            return Status.SUCCESS
        if request.field == Operation.STORE:
            return self._store()
        return Status.UNRECOGNIZED_OPERATION

    def _store(self) -> Status:
        if self._sink is None:
            return Status.SOP_CLASS_NOT_SUPPORTED
        try:
            filing = self._sink.finish(self._evidence)
        except OsteonError as error:
            status = _STATUS.get(error.code, Status.OUT_OF_RESOURCES)
            level = journal.warn if isinstance(error, ReceiveError) else journal.fail
            level("object-refused", code=error.code, reason=error.detail, status=f"{status:04X}")
            return status
        self.stored += 1
        if filing is Filing.CONFLICT:
            journal.warn("object-conflicts", status=f"{Status.SUCCESS:04X}")
        return Status.SUCCESS

    def _forget(self) -> None:
        self._command.clear()
        self._context = self._request = self._sink = None
