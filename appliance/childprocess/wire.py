"""One message between a parent and its child: a JSON header, and arrays in a sealed memory file.

Frame: 4 bytes header length (big-endian), then the header. Arrays travel in one memfd, passed with
SCM_RIGHTS beside the first bytes. The receiver trusts nothing: lengths are bounded before memory
is taken, element types come from a short list, and the memory must be sealed, so that the sender
can neither change it after the checks nor shrink it under the receiver's feet (SIGBUS).
"""

from __future__ import annotations

import fcntl
import json
import math
import mmap
import os
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Json = Mapping[str, Any]

HEADER_BYTES: Final = 4 * 2**20
"""Longest header. The largest that is used is a list of a few thousand detections."""
_PREFIX: Final = struct.Struct(">I")
_ALIGNMENT: Final = 64
_DIMENSIONS: Final = 8
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_TYPES: Final = {
    np.dtype(name).str: np.dtype(name)
    for name in ("u1", "i1", "<u2", "<i2", "<u4", "<i4", "<i8", "<f4", "<f8")
}


class WireError(Exception):
    """What came is no message of this protocol. The text holds nothing that the sender chose."""


@dataclass(frozen=True, slots=True)
class Message:
    """A header of JSON values, and arrays; received arrays are read-only."""

    header: Json
    arrays: tuple[NDArray[Any], ...] = field(default=())


def send(channel: socket.socket, message: Message, remaining: Callable[[], float | None]) -> None:
    """Send one message. `remaining` gives the seconds that are left (None: no limit).

    Raises OSError (TimeoutError among them) when the other side does not take it.
    """
    layout, size = _layout(message.arrays)
    body = json.dumps({"header": message.header, "arrays": layout}, allow_nan=False).encode()
    if len(body) > HEADER_BYTES:
        raise WireError("header too long")
    descriptors: list[int] = []
    try:
        if message.arrays:
            descriptors.append(_to_memory(message.arrays, layout, size))
        channel.settimeout(remaining())
        socket.send_fds(channel, [_PREFIX.pack(len(body))], descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    view = memoryview(body)
    while view:
        channel.settimeout(remaining())
        view = view[channel.send(view) :]


def receive(
    channel: socket.socket, array_bytes: int, remaining: Callable[[], float | None]
) -> Message:
    """Receive one message whose arrays take at most `array_bytes` bytes.

    Raises:
        EOFError: the other side is gone.
        WireError: what came is no message.
        OSError: TimeoutError among them.
    """
    channel.settimeout(remaining())
    prefix, descriptors, flags, _ = socket.recv_fds(
        channel, _PREFIX.size, 1, socket.MSG_CMSG_CLOEXEC
    )
    try:
        prefix += _exactly(channel, _PREFIX.size - len(prefix), remaining)
        (length,) = _PREFIX.unpack(prefix)
        if length > HEADER_BYTES or flags & socket.MSG_CTRUNC:
            raise WireError("frame out of bounds")
        header, layout = _parse(_exactly(channel, length, remaining))
        if layout and len(descriptors) != 1:
            raise WireError("arrays without memory")
        arrays = _from_memory(descriptors[0], layout, array_bytes) if layout else ()
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return Message(header, arrays)


def _layout(arrays: Sequence[NDArray[Any]]) -> tuple[list[dict[str, Any]], int]:
    """Where each array lies in the memory file, and how long that is."""
    layout: list[dict[str, Any]] = []
    end = 0
    for array in arrays:
        if array.dtype.str not in _TYPES:
            raise WireError("element type cannot travel")
        layout.append({"type": array.dtype.str, "shape": list(array.shape), "offset": end})
        end += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    return layout, end


def _to_memory(arrays: Sequence[NDArray[Any]], layout: list[dict[str, Any]], size: int) -> int:
    """A sealed memory file that holds the arrays; the caller closes it."""
    descriptor = os.memfd_create("osteon", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        for array, place in zip(arrays, layout, strict=True):
            _write_all(descriptor, np.ascontiguousarray(array), place["offset"])
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS | fcntl.F_SEAL_SEAL)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write_all(descriptor: int, array: NDArray[Any], offset: int) -> None:
    view = array.reshape(-1).view(np.uint8).data
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written


def _exactly(channel: socket.socket, length: int, remaining: Callable[[], float | None]) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        channel.settimeout(remaining())
        part = channel.recv(min(length - len(parts), 2**16))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _parse(body: bytes) -> tuple[Json, list[Any]]:
    """(header, layout); both of the right kind, the layout's entries still unchecked."""
    try:
        content = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise WireError("header is not JSON") from None
    match content:
        case {"header": dict(header), "arrays": list(layout)} if len(content) == 2:  # noqa: PLR2004
            return header, layout
    raise WireError("header has another shape")


def _refuse_constant(_name: str) -> float:
    """NaN and the infinities are no JSON, though Python would read them."""
    raise ValueError


def _from_memory(descriptor: int, layout: list[Any], array_bytes: int) -> tuple[NDArray[Any], ...]:
    try:
        sealed = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS == _SEALS
    except OSError:
        sealed = False
    if not sealed:
        raise WireError("memory is not sealed")
    size = os.fstat(descriptor).st_size
    if size > array_bytes:
        raise WireError("arrays out of bounds")
    memory = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) if size else b""
    return tuple(_view(memory, size, place) for place in layout)


def _view(memory: mmap.mmap | bytes, size: int, place: Any) -> NDArray[Any]:  # noqa: ANN401 - JSON
    match place:
        case {"type": str(name), "shape": list(shape), "offset": int(offset)} if (
            name in _TYPES
            and len(shape) <= _DIMENSIONS
            and all(type(side) is int and side >= 0 for side in shape)
        ):
            kind, count = _TYPES[name], math.prod(shape)
            if offset >= 0 and offset + count * kind.itemsize <= size:
                if not count:
                    return np.empty(shape, kind)
                return np.frombuffer(memory, kind, count, offset).reshape(shape)
    raise WireError("array out of bounds")
