"""A child for the tests of `appliance.childprocess`: does what the request's `do` says."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import struct
import sys

import numpy as np

from appliance.childprocess import Message, serve
from appliance.errors import AnalysisError


def _raw(body: bytes, length: int | None = None, descriptors: tuple[int, ...] = ()) -> None:
    """Write to the channel past the protocol; it is the lowest socket that this process has."""
    for number in range(3, 32):
        try:
            channel = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        prefix = struct.pack(">I", len(body) if length is None else length)
        socket.send_fds(channel, [prefix], list(descriptors))
        channel.sendall(body)
        return


def _memory(*, sealed: bool) -> int:
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(descriptor, bytes(64))
    if sealed:
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, 14)
    return descriptor


def _arrays(**changes: object) -> bytes:
    place = {"type": "<u2", "shape": [4], "offset": 0} | changes
    return json.dumps({"header": {"answer": {}}, "arrays": [place]}).encode()


def handle(request: Message) -> Message:  # noqa: C901, PLR0912 - one branch for each misdeed
    match request.header["do"]:
        case "echo":
            return Message({"seen": len(request.arrays)}, request.arrays)
        case "network":
            return Message({"interfaces": [name for _, name in socket.if_nameindex()]})
        case "environment":
            return Message({"names": sorted(os.environ), "arguments": sys.argv[1:]})
        case "refuse":
            raise AnalysisError("network-answer-invalid", "3 of 4")
        case "bug":
            raise ValueError("quotes the object: Zhang^Wei")
        case "exit":
            os._exit(3)
        case "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            signal.pause()
        case "hoard":
            return Message({"bytes": bytearray(4 * 2**30)[:1].hex()})
        case "large":
            return Message({}, (np.zeros(request.header["bytes"], np.uint8),))
        case "raw":
            _raw(request.header["body"].encode(), request.header.get("length"))
            signal.pause()
        case "unsealed":
            _raw(_arrays(), descriptors=(_memory(sealed=False),))
            signal.pause()
        case "layout":
            _raw(_arrays(**request.header["changes"]), descriptors=(_memory(sealed=True),))
            signal.pause()
    raise AssertionError(request.header)


if __name__ == "__main__":
    serve(handle)
