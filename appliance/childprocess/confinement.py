"""What a child takes from itself before it sees a byte of somebody else's data.

The child confines itself, as its first act and in its only thread: code between fork and exec of a
threaded parent may deadlock, and systemd's sandbox of the unit stands around both anyway.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import socket
from dataclasses import dataclass
from typing import Final

_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_OPEN_FILES: Final = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may take.

    memory_bytes: private writable memory (RLIMIT_DATA: heap, stacks, anonymous maps). The address
    space is left alone, since inference runtimes reserve many times what they use.
    reply_bytes: all arrays of one answer together; also the largest file it could write.
    start_s: seconds from start to readiness, imports included.
    """

    memory_bytes: int
    reply_bytes: int
    start_s: float = 30.0


def confine(limits: Limits, lifeline: int) -> bool:
    """Apply the limits to this process; returns whether no network can be reached from it.

    lifeline: reading end of a pipe whose other end only the parent holds. When the parent dies the
    kernel signals SIGIO, whose default is to end the process, even amid a hung native call.
    (PR_SET_PDEATHSIG would also fire when merely the *thread* that started the child ends.)
    """
    libc = ctypes.CDLL(None, use_errno=True)
    # A network namespace needs privilege, or a user namespace of its own; either may be forbidden.
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_DATA, limits.memory_bytes)
    _lower(resource.RLIMIT_FSIZE, limits.reply_bytes)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    # A core limit of zero does not stop a core_pattern pipe; not being dumpable does.
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    return {name for _, name in socket.if_nameindex()} <= {"lo"}


def _lower(which: int, value: int) -> None:
    _, ceiling = resource.getrlimit(which)
    if ceiling != resource.RLIM_INFINITY:
        value = min(value, ceiling)
    resource.setrlimit(which, (value, value))
