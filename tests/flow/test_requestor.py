"""A requestor's socket is closed when its association ends, also where the peer was gone first."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pynetdicom.sop_class import Verification
from pynetdicom.transport import AssociationSocket

from appliance.pipeline.deliver.requestor import Requestor
from tests.simulators.mail import free_port

RESETS_AT_CLOSE = struct.pack("ii", 1, 0)
"""The value of SO_LINGER."""


@contextmanager
def resetting_peer() -> Iterator[int]:
    """A port that takes one connection, reads what it is asked, and resets it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS_AT_CLOSE)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def is_left_open(port: int) -> bool:
    """Whether an association that fails at this port leaves a socket open."""
    opened: list[socket.socket] = []

    class Watched(Requestor):
        def _create_socket(self, *arguments: object) -> AssociationSocket:
            transport = super()._create_socket(*arguments)  # type: ignore[arg-type]
            assert transport.socket is not None
            opened.append(transport.socket)
            return transport

    requestor = Watched(ae_title="DR1")
    requestor.add_requested_context(Verification)
    assert not requestor.associate("127.0.0.1", port).is_established
    (one,) = opened
    return one.fileno() != -1


def test_it_binds_nothing() -> None:
    """A unit that may listen to nothing is refused even any port."""
    bound: list[int] = []

    class Watched(Requestor):
        def _create_socket(self, *arguments: object) -> AssociationSocket:
            transport = super()._create_socket(*arguments)  # type: ignore[arg-type]
            assert transport.socket is not None
            bound.append(transport.socket.getsockname()[1])
            return transport

    requestor = Watched(ae_title="DR1")
    requestor.add_requested_context(Verification)
    with resetting_peer() as port:
        requestor.associate("127.0.0.1", port)
    assert bound == [0]


def test_after_a_reset() -> None:
    with resetting_peer() as port:
        assert not is_left_open(port)


def test_where_nobody_listens() -> None:
    assert not is_left_open(free_port())
