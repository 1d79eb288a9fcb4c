"""Peers that do not keep to the protocol: every byte on the wire is the test's own."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO

from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from tests.simulators.receiving import AE_TITLE, MODALITY

CT = str(uid.CTImageStorage)
VERIFICATION = "1.2.840.10008.1.1"
EXPLICIT = str(uid.ExplicitVRLittleEndian)

RQ, AC, RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
NO_DATA_SET = 0x0101
DATA_SET = 0x0001


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    """A PDU, whose length may be a lie."""
    return struct.pack(">BxI", kind, len(body) if length is None else length) + body


def item(kind: int, body: bytes) -> bytes:
    """An item of an association request."""
    return struct.pack(">BxH", kind, len(body)) + body


def context(number: int, abstract: str = CT, *transfer: str) -> bytes:
    """A proposed presentation context."""
    syntaxes = b"".join(item(0x40, name.encode()) for name in transfer or (EXPLICIT,))
    return item(0x20, bytes([number, 0, 0, 0]) + item(0x30, abstract.encode()) + syntaxes)


def request(
    *contexts: bytes,
    called: bytes = AE_TITLE.encode(),
    calling: bytes = MODALITY.encode(),
    version: int = 1,
    application: bytes = b"1.2.840.10008.3.1.1.1",
    user: bytes = b"",
) -> bytes:
    """An A-ASSOCIATE-RQ; one context for CT, number 1, unless told otherwise."""
    body = struct.pack(">H2x", version) + called.ljust(16) + calling.ljust(16) + bytes(32)
    body += item(0x10, application) + b"".join(contexts or [context(1)])
    body += item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3") + user)
    return pdu(RQ, body)


def value(number: int, data: bytes, *, command: bool, last: bool = True) -> bytes:
    """A presentation data value."""
    control = (1 if command else 0) | (2 if last else 0)
    return struct.pack(">IBB", len(data) + 2, number, control) + data


def command_set(elements: Mapping[int, int | str | bytes]) -> bytes:
    """A command set of these elements of group 0000: numbers as US, texts as UI."""
    body = b"".join(
        struct.pack("<HHI", 0, element, len(raw)) + raw
        for element, raw in ((element, _raw(content)) for element, content in elements.items())
    )
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def _raw(content: int | str | bytes) -> bytes:
    match content:
        case int():
            return struct.pack("<H", content)
        case str():
            return content.encode() + b"\0" * (len(content) % 2)
        case _:
            return bytes(content)


def store_command(sop_class: str | bytes = CT, instance: str | bytes = "1.2.3") -> bytes:
    """A C-STORE-RQ that names this object."""
    return command_set(
        {0x0002: sop_class, 0x0100: 1, 0x0110: 7, 0x0700: 0, 0x0800: DATA_SET, 0x1000: instance}
    )


def data_set(one: Dataset, *, implicit: bool = False, little: bool = True) -> bytes:
    """The bytes of a data set, as they go over the wire."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    write_dataset(buffer, one)
    return buffer.getvalue()


class Wire:
    """A raw connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> tuple[int, bytes] | None:
        """The next PDU: its type and body; None when the peer closed or reset."""
        header = self._exactly(6)
        if header is None:
            return None
        kind, length = struct.unpack(">BxI", header)
        body = self._exactly(length)
        return None if body is None else (kind, body)

    def associate(self, *contexts: bytes) -> None:
        self.send(request(*contexts))
        answer = self.receive()
        assert answer is not None
        assert answer[0] == AC

    def store(self, one: bytes, command: bytes, *, number: int = 1, piece: int = 16000) -> int:
        """Send one object in pieces; its status."""
        self.send(pdu(P_DATA, value(number, command, command=True)))
        stream = BytesIO(one)
        while True:
            data = stream.read(piece)
            last = stream.tell() == len(one)
            self.send(pdu(P_DATA, value(number, data, command=False, last=last)))
            if last:
                return self.status()

    def status(self) -> int:
        """The status of the response that comes next."""
        answer = self.receive()
        assert answer is not None
        kind, body = answer
        assert kind == P_DATA, f"PDU type {kind}: {body.hex()}"
        at = body.index(struct.pack("<HHI", 0, 0x0900, 2)) + 8
        return int.from_bytes(body[at : at + 2], "little")

    def reset(self) -> None:
        """Break the connection the hard way."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except ConnectionError:
                return None
            if not part:
                return None
            data += part
        return data


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    """A raw connection that is closed at the end."""
    one = Wire(port)
    try:
        yield one
    finally:
        one.socket.close()
