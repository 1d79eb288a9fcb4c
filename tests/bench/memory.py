"""Resident memory of a process and of its children, sampled while something goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PERIOD_S = 0.05


@dataclass
class Peak:
    """Highest resident memory seen: of the process alone, and with all its children."""

    alone_mib: float = 0.0
    tree_mib: float = 0.0


@contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """Sample until the block ends."""
    peak, stop = Peak(), threading.Event()

    def sample() -> None:
        while not stop.wait(PERIOD_S):
            family = [pid, *descendants(pid)]
            sizes = [resident_mib(one) for one in family]
            peak.alone_mib = max(peak.alone_mib, sizes[0])
            peak.tree_mib = max(peak.tree_mib, sum(sizes))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def resident_mib(pid: int) -> float:
    """Proportional set size where the kernel tells, so that shared pages count once."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (OSError, ProcessLookupError):
        return 0.0
    kib = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return kib / 1024


def descendants(pid: int) -> list[int]:
    """All living children, and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found
