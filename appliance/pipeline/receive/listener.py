"""Accepts on sockets that are already bound, and gives each connection a thread of its own."""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from appliance import journal
from appliance.loops import IDLE_SECONDS, Loop
from appliance.pipeline.receive.association import House, serve
from appliance.pipeline.receive.connection import Connection
from appliance.pipeline.receive.peers import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterable

_BREATH_S: Final = 0.2
"""Before accepting again when the machine is out of descriptors or threads."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A bound, listening socket, plain or with TLS. Whoever made the socket closes it."""

    socket: socket.socket
    tls: ssl.SSLContext | None = None


class Listener:
    """One accepting thread for all endpoints; it does nothing that could wait for a peer."""

    def __init__(self, endpoints: Iterable[Endpoint], house: House, loop: Loop) -> None:
        self._house = house
        self._loop = loop
        self._stopping = threading.Event()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_receiver, selectors.EVENT_READ)
        for endpoint in endpoints:
            endpoint.socket.setblocking(False)
            self._selector.register(endpoint.socket, selectors.EVENT_READ, endpoint)
        self._thread = threading.Thread(target=self._run, name="listener")
        self._serving: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def adopt(self, endpoints: Iterable[Endpoint], house: House) -> None:
        """Serve connections that come from now on by these; those that are open go on as they are.

        endpoints: of the same sockets, perhaps with another TLS context.
        """
        for endpoint in endpoints:
            self._selector.modify(endpoint.socket, selectors.EVENT_READ, endpoint)
        self._house = house

    def stop(self) -> None:
        """Accept nothing more, end every connection, and wait until all are closed."""
        self._stopping.set()
        self._wake_sender.send(b"\0")
        self._thread.join()
        self._house.admission.interrupt_all()
        with self._lock:
            serving = tuple(self._serving)
        for thread in serving:
            thread.join()
        self._selector.close()
        self._wake_receiver.close()
        self._wake_sender.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._loop.turned()
            for key, _ in self._selector.select(IDLE_SECONDS):
                if key.data is not None:
                    self._accept(key.data)
        self._loop.rests()

    def _accept(self, endpoint: Endpoint) -> None:
        try:
            raw, peer = endpoint.socket.accept()
        except (BlockingIOError, ConnectionError):
            return  # gone again before we came
        except OSError as error:
            self._make_room(error.errno)
            return
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(raw, parse_address(peer[0]), self._house.clock)
        self._house.admission.wait(connection)
        thread = threading.Thread(
            target=self._serve, args=(self._house, connection, endpoint.tls), name="association"
        )
        with self._lock:
            self._serving.add(thread)
        try:
            thread.start()
        except RuntimeError:  # no more threads
            with self._lock:
                self._serving.discard(thread)
            self._house.admission.leave(connection)
            connection.close()
            self._make_room(errno.EAGAIN)

    def _make_room(self, number: int | None) -> None:
        """The machine is out of something. It must not stop accepting, nor spin meanwhile."""
        journal.fail("receiver-out-of-resources", errno=number)
        self._house.admission.drop_oldest()
        self._house.clock.wait(self._stopping, _BREATH_S)

    def _serve(self, house: House, connection: Connection, tls: ssl.SSLContext | None) -> None:
        try:
            serve(house, connection, tls)
        finally:
            with self._lock:
                self._serving.discard(threading.current_thread())
