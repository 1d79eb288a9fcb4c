"""One TCP or TLS connection whose every wait ends: each call has a deadline on monotonic time."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from appliance.errors import ReceiveError

if TYPE_CHECKING:
    from appliance.clock import Clock
    from appliance.pipeline.receive.peers import Address

_DRAIN_BYTES: Final = 65_536


class PeerLostError(ReceiveError):
    """The connection is gone: closed, reset, or interrupted by us."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("peer-lost", detail)


class PeerTooSlowError(ReceiveError):
    """A deadline passed before the peer had sent, or taken, what was due."""

    def __init__(self) -> None:
        super().__init__("peer-too-slow")


class Connection:
    """Blocking reads and writes with deadlines. One thread uses it; any may interrupt it."""

    def __init__(self, raw: socket.socket, address: Address, clock: Clock) -> None:
        self._socket = raw
        self._clock = clock
        self.address = address

    def deadline(self, seconds: float) -> float:
        """The moment that is so many seconds away."""
        return self._clock.monotonic() + seconds

    def start_tls(self, context: ssl.SSLContext, deadline: float) -> None:
        """The server's side of a TLS handshake.

        Raises:
            PeerLostError: the handshake failed; a bad client certificate is one reason.
            PeerTooSlowError: the deadline passed.
        """
        self._until(deadline)
        try:
            self._socket = context.wrap_socket(
                self._socket, server_side=True, do_handshake_on_connect=False
            )
            self._socket.do_handshake()
        except TimeoutError:
            raise PeerTooSlowError from None
        except OSError as error:
            raise PeerLostError("tls") from error

    def receive_into(self, view: memoryview, deadline: float) -> None:
        """Fill the view. Raises PeerLostError, PeerTooSlowError."""
        at = 0
        while at < len(view):
            self._until(deadline)
            try:
                count = self._socket.recv_into(view[at:])
            except TimeoutError:
                raise PeerTooSlowError from None
            except OSError as error:
                raise PeerLostError from error
            if count == 0:
                raise PeerLostError
            at += count

    def send(self, data: bytes, deadline: float) -> None:
        """Send all. Raises PeerLostError, PeerTooSlowError."""
        self._until(deadline)
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise PeerTooSlowError from None
        except OSError as error:
            raise PeerLostError from error

    def drain(self, deadline: float) -> None:
        """Throw away what comes until the peer closes: closing first could lose our last PDU."""
        with suppress(OSError, PeerTooSlowError):
            while self._socket.recv(_DRAIN_BYTES):
                self._until(deadline)

    def interrupt(self) -> None:
        """End every wait on this connection, from another thread."""
        # The plain shutdown, also under TLS: SSLSocket's own drops the session under the reader.
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()

    def _until(self, deadline: float) -> None:
        left = deadline - self._clock.monotonic()
        if left <= 0:
            raise PeerTooSlowError
        self._socket.settimeout(left)
