"""The association acceptor's state machine, as PS3.8 table 9-10 has it.

Everything that decides what may follow what on a connection is in this table. The acceptor never
asks for a release, so states 7 to 12 do not occur, and a release collision is an unexpected PDU.
In state 13 nothing is interpreted any more: the connection drains until the peer closes it.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

from appliance.errors import ReceiveError


class State(Enum):
    """The states in which an acceptor reads PDUs."""

    AWAITING_REQUEST = "Sta2"
    ESTABLISHED = "Sta6"


class PduType(IntEnum):
    """First byte of a PDU (PS3.8 9.3.1)."""

    ASSOCIATE_RQ = 0x01
    ASSOCIATE_AC = 0x02
    ASSOCIATE_RJ = 0x03
    P_DATA_TF = 0x04
    RELEASE_RQ = 0x05
    RELEASE_RP = 0x06
    ABORT = 0x07


class Action(Enum):
    """What the acceptor does, named after the standard's action."""

    NEGOTIATE = "AE-6"
    TAKE_DATA = "DT-2"
    ANSWER_RELEASE = "AR-2, AR-4"
    ABORT_AS_USER = "AA-1"
    ABORT_AS_PROVIDER = "AA-8"
    END = "AA-2, AA-3"


class AbortReason(IntEnum):
    """Why the provider aborts (PS3.8 table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class Ending(Enum):
    """How an association ended: what the ledger keeps as evidence."""

    RELEASED = "released"
    ABORTED = "aborted"
    LOST = "lost"


class ProtocolViolationError(ReceiveError):
    """The peer broke the protocol: it gets an A-ABORT. `detail` never holds what it sent."""

    def __init__(self, reason: AbortReason | None, detail: str) -> None:
        """reason: as the provider of the service aborts; None aborts as its user (AA-1)."""
        super().__init__("protocol-violation", detail)
        self.reason = reason


TABLE: Final[dict[tuple[State, PduType], Action]] = {
    (State.AWAITING_REQUEST, PduType.ASSOCIATE_RQ): Action.NEGOTIATE,
    (State.AWAITING_REQUEST, PduType.ASSOCIATE_AC): Action.ABORT_AS_USER,
    (State.AWAITING_REQUEST, PduType.ASSOCIATE_RJ): Action.ABORT_AS_USER,
    (State.AWAITING_REQUEST, PduType.P_DATA_TF): Action.ABORT_AS_USER,
    (State.AWAITING_REQUEST, PduType.RELEASE_RQ): Action.ABORT_AS_USER,
    (State.AWAITING_REQUEST, PduType.RELEASE_RP): Action.ABORT_AS_USER,
    (State.AWAITING_REQUEST, PduType.ABORT): Action.END,
    (State.ESTABLISHED, PduType.ASSOCIATE_RQ): Action.ABORT_AS_PROVIDER,
    (State.ESTABLISHED, PduType.ASSOCIATE_AC): Action.ABORT_AS_PROVIDER,
    (State.ESTABLISHED, PduType.ASSOCIATE_RJ): Action.ABORT_AS_PROVIDER,
    (State.ESTABLISHED, PduType.P_DATA_TF): Action.TAKE_DATA,
    (State.ESTABLISHED, PduType.RELEASE_RQ): Action.ANSWER_RELEASE,
    (State.ESTABLISHED, PduType.RELEASE_RP): Action.ABORT_AS_PROVIDER,
    (State.ESTABLISHED, PduType.ABORT): Action.END,
}
