"""One question and one answer over a local socket; the kernel says who asks (unix(7), SO_PEERCRED).

Messages are JSON, one packet each. The asking side is `ask`; the answering one is the role that
keeps the trail.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.errors import StorageError

MESSAGE_BYTES: Final = 64 * 1024
_SOCKET: Final = "door"
_CREDENTIALS: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who asks, by the kernel's word."""

    pid: int
    uid: int


def ask(folder: Path, question: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
    """Ask whoever keeps the trail in this folder, and wait that long for the answer.

    Raises:
        StorageError: `audit-unreachable`, nobody keeps the trail at present; or the code that the
            answer holds.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
            channel.settimeout(seconds)
            with _short(folder) as place:
                channel.connect(place)
            channel.send(json.dumps(question).encode())
            answer = json.loads(channel.recv(MESSAGE_BYTES))
    except (OSError, ValueError) as error:
        raise StorageError("audit-unreachable", type(error).__name__) from None
    if not isinstance(answer, dict):
        raise StorageError("audit-unreachable", "an answer of another shape")
    if "code" in answer:
        raise StorageError(str(answer["code"]), str(answer.get("detail", "")))
    return answer


def listen(folder: Path, waiting: int) -> socket.socket:
    """A listening socket in this folder, for its owner and group. Raises OSError."""
    (folder / _SOCKET).unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with _short(folder) as place:
        made.bind(place)
    (folder / _SOCKET).chmod(0o660)
    made.listen(waiting)
    return made


def take(channel: socket.socket) -> tuple[Peer, Mapping[str, Any]]:
    """The question on an accepted connection. Raises OSError or ValueError."""
    pid, uid, _ = _CREDENTIALS.unpack(
        channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    question = json.loads(channel.recv(MESSAGE_BYTES))
    if not isinstance(question, dict):
        raise ValueError("not a question")  # noqa: TRY004 - one error for whatever was sent
    return Peer(pid, uid), question


def answer(channel: socket.socket, content: Mapping[str, Any]) -> None:
    """Answer it. Raises OSError."""
    channel.send(json.dumps(content).encode())


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """The socket's address by way of the open folder: an address holds 108 bytes at most."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{_SOCKET}"
    finally:
        os.close(descriptor)
