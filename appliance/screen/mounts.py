"""Whether what should be mounted where the box lies is: a data volume that did not open has none.

Told from the table of file systems and the folders themselves, and not from the list of mounts: in
the name space of a unit that may write to a folder, that folder always is a mount of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

TABLE: Final = Path("/etc/fstab")
_FIELDS: Final = 4


class Entry(NamedTuple):
    """One line of fstab(5)."""

    source: Path
    place: Path
    options: frozenset[str]


def are_missing(folder: Path, table: Path) -> bool:
    """Whether something should be mounted on a folder, or on one above it, and is not.

    table: in the form of fstab(5); where it cannot be read, nothing is missing.
    """
    try:
        entries = tuple(_entries(table.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False
    above = {folder, *folder.parents} - {Path("/")}
    return any(each.place in above and not _is_mounted(each) for each in entries)


def _entries(text: str) -> Iterator[Entry]:
    for line in text.splitlines():
        fields = line.split()
        if line.startswith("#") or len(fields) < _FIELDS:
            continue
        source, place, _, options, *_ = (each.replace("\\040", " ") for each in fields)
        entry = Entry(Path(source), Path(place), frozenset(options.split(",")))
        if "noauto" not in entry.options:
            yield entry


def _is_mounted(entry: Entry) -> bool:
    try:
        if entry.options & {"bind", "rbind"}:
            return entry.place.samefile(entry.source)
        return entry.place.stat().st_dev != entry.place.parent.stat().st_dev
    except FileNotFoundError:
        return False
    except OSError:  # who may not look there cannot say that it is missing
        return True
