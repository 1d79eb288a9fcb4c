"""The line between the screen and a session: packets of a local socket, one message each."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final, TypeVar

from appliance.errors import StorageError, UsageError
from appliance.ledger.codec import decode, encode

DOOR: Final = Path("/run/osteon-technician")
"""Where osteon-technician.socket listens; only the screen's user may come."""
_MESSAGE_BYTES: Final = 32 * 1024
_CONNECT_SECONDS: Final = 5.0
_SEND_SECONDS: Final = 10.0

Message = TypeVar("Message")


class Line:
    """One end. Messages are values of `appliance.screen.messages`."""

    def __init__(self, channel: socket.socket) -> None:
        """`channel`: a connected socket of the local family that keeps packets apart."""
        self._channel = channel
        channel.settimeout(_SEND_SECONDS)

    def fileno(self) -> int:
        """For `select`."""
        return self._channel.fileno()

    def send(self, message: object) -> None:
        """Raises OSError where nobody is there to take it."""
        self._channel.send(encode(message))

    def receive(self, kinds: tuple[type[Message], ...], seconds: float) -> Message | None:
        """The next message; None where the other end is gone, or says what nobody understands.

        Raises:
            TimeoutError: nothing came in that time.
        """
        self._channel.settimeout(seconds)
        try:
            content = self._channel.recv(_MESSAGE_BYTES)
        except ConnectionError:
            return None
        finally:
            self._channel.settimeout(_SEND_SECONDS)
        try:
            return decode(content, kinds) if content else None
        except StorageError:
            return None

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


def call(door: Path) -> Line:
    """Call for a session: systemd starts one.

    Raises:
        UsageError: `menu-unreachable`.
    """
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.settimeout(_CONNECT_SECONDS)
    try:
        channel.connect(str(door))
    except OSError as error:
        channel.close()
        raise UsageError("menu-unreachable", str(error.strerror)) from None
    return Line(channel)
