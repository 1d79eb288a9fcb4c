"""How well this machine's clock is kept, as the kernel knows it from whatever disciplines it.

Source: adjtimex(2). NTP daemons (chrony, systemd-timesyncd, ntpd) clear STA_UNSYNC once they
follow a source, and keep the estimated and the largest error up to date.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from typing import Final

from appliance.errors import CheckError

_STA_UNSYNC: Final = 0x0040
_ROOM: Final = 256
"""Bytes that the kernel's `struct timex` may grow to."""


@dataclass(frozen=True, slots=True)
class Discipline:
    """Whether the clock follows a source, and how far off it may be at most, in seconds."""

    is_synchronised: bool
    largest_error_s: float


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * _ROOM),
    )


def discipline() -> Discipline:
    """Ask the kernel; changes nothing. Raises CheckError("clock-unreadable")."""
    answer = _Timex()  # modes 0: only read
    library = ctypes.CDLL(None, use_errno=True)
    if library.adjtimex(ctypes.byref(answer)) < 0:
        raise CheckError("clock-unreadable", os.strerror(ctypes.get_errno()))
    return Discipline(
        is_synchronised=not answer.status & _STA_UNSYNC, largest_error_s=answer.maxerror / 1e6
    )
