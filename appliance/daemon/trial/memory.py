"""Whether the machine has room for one child more."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MEMINFO: Final = Path("/proc/meminfo")


def available_mib(meminfo: Path = _MEMINFO) -> int:
    """What could be taken without another process having to give way; see proc_meminfo(5).

    0 where the kernel does not say.
    """
    for line in meminfo.read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) >> 10
    return 0
