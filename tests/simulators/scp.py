"""A small DICOM server of pynetdicom, for peers that answer as a test tells them."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynetdicom import AE, evt


@contextmanager
def serving(entity: AE, handlers: Sequence[Any] = ()) -> Iterator[int]:
    """Its port on loopback. Closes what pynetdicom leaves open where the peer was gone first."""
    taken: list[socket.socket] = []

    def take(event: evt.Event) -> None:
        taken.append(event.assoc.dul.socket.socket)

    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_CONN_OPEN, take), *handlers]
    )
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        for each in taken:
            each.close()
