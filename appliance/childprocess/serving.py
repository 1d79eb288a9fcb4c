"""The child's side: confine oneself, then answer request after request until the parent goes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Final

from appliance.childprocess import wire
from appliance.childprocess.confinement import Limits, confine
from appliance.errors import OsteonError, place_of

Handler = Callable[[wire.Message], wire.Message]

REQUEST_BYTES: Final = 16 * 2**30
"""The parent is trusted: this bound only keeps arithmetic honest."""


def serve(handler: Handler) -> None:
    """Answer requests on standard input (a socket) until the parent closes it.

    An `OsteonError` of the handler goes to the parent as its code. Any other failure is named by
    type and place, never by its text, which may quote the object; then the child is done.

    Import what starts threads (runtimes, image libraries) inside the handler, not before: a process
    with threads may not make a user namespace, so without privilege it would keep the network.
    """
    channel, lifeline = _take_standard_streams()
    limits = Limits(**wire.receive(channel, 0, _no_limit).header)
    isolated = confine(limits, lifeline)
    _reply(channel, wire.Message({"ready": True, "isolated": isolated}))
    while True:
        try:
            request = wire.receive(channel, REQUEST_BYTES, _no_limit)
        except EOFError:
            return
        try:
            answer = handler(request)
            _reply(channel, wire.Message({"answer": answer.header}, answer.arrays))
        except OsteonError as error:
            _reply(channel, wire.Message({"error": error.code, "detail": error.detail}))
        except MemoryError:
            _reply(channel, wire.Message({"fault": "memory", "detail": ""}))
            return
        except Exception as error:  # noqa: BLE001 - the process boundary: nothing passes but a name
            _reply(channel, wire.Message({"fault": "crashed", "detail": place_of(error)}))
            return


def _take_standard_streams() -> tuple[socket.socket, int]:
    """(channel, lifeline), moved away from where a library could read or print."""
    channel = socket.socket(fileno=os.dup(0))
    lifeline = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return channel, lifeline


def _reply(channel: socket.socket, message: wire.Message) -> None:
    wire.send(channel, message, _no_limit)


def _no_limit() -> float | None:
    return None
