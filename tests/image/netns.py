"""A cable from a guest into a network namespace of our own, from which it is scanned."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OURS, GUEST = "10.99.0.1", "10.99.0.2"
_TUNSETIFF = 0x400454CA
_TAP, _NO_HEADER = 0x0002, 0x1000


@dataclass(frozen=True)
class Cable:
    """A namespace with one end of the cable, and the descriptor that QEMU gets for the other."""

    namespace: str
    tap: int

    def inside(self, *words: str, seconds: float = 900) -> str:
        """Run a program in the namespace; what it wrote."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.namespace, *words],
            check=True,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        return done.stdout


@contextlib.contextmanager
def cable() -> Iterator[Cable]:
    """Lay it; at the end the namespace and all in it are gone."""
    name = f"osteon-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        ours, theirs = socket.socketpair()
        command = ["ip", "netns", "exec", name, sys.executable, __file__, str(theirs.fileno())]
        subprocess.run(command, check=True, timeout=60, pass_fds=[theirs.fileno()])
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        ours.close()
        theirs.close()
        for words in (("addr", "add", f"{OURS}/24", "dev", "tap0"), ("link", "set", "tap0", "up")):
            subprocess.run(["ip", "-n", name, *words], check=True)
        yield Cable(name, descriptors[0])
        os.close(descriptors[0])
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def _open_tap_and_hand_it_over(descriptor: int) -> None:
    """Runs within the namespace: a tap belongs to the one in which it is opened."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", b"tap0", _TAP | _NO_HEADER))
    with socket.socket(fileno=descriptor) as theirs:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [tap]))
        theirs.sendmsg([b"x"], [rights])


def scanner() -> Path:
    """The program that tries every port of TCP."""
    return Path(__file__).with_name("scan.py")


if __name__ == "__main__":
    _open_tap_and_hand_it_over(int(sys.argv[1]))
