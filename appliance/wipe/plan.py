"""What a wipe will destroy, and what it cannot reach, as one value; shown before anything happens.

The plan is journalled with the intent: after the point of no return nothing else is known for
certain, since the site YAML and the ledgers are among the first things to go.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_MIB: Final = 2**20


def size_text(size: int) -> str:
    """A medium's size as people read it."""
    mib = size / _MIB
    return f"{mib:.0f} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"  # noqa: PLR2004 - MiB in a GiB


class Reach(StrEnum):
    """How far the data on a medium can be sanitized (terms of NIST SP 800-88 Rev. 1)."""

    CLEAR = "clear"
    """Against reading through the medium's ordinary interface; flash may keep copies."""
    PURGE = "purge"
    """The medium's own erase commands reach what the interface does not, where it has them."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file whose content opens something. `what`: for people."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Volume:
    """A LUKS2 volume."""

    device: str
    uuid: str
    header_bytes: int
    """From the start of the device to the data: both headers and all key slots."""
    mapping: str = ""
    """Name below /dev/mapper; empty while it is closed."""
    mount_points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Medium:
    """A medium that holds or held patient data. `target`: what of it is erased; empty for none."""

    disk: str
    target: str
    size: int
    """Bytes of the target."""
    make: str
    model: str
    serial: str
    kind: str
    """How it is attached: `nvme`, `sata`, `usb`, `loop`, ...; empty where that is not known."""
    is_rotating: bool
    reach: Reach
    shared_with: tuple[str, ...] = ()
    """What else of use lies on the disk, so that the disk as a whole is left."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What this machine cannot destroy, and who has to."""

    what: str
    to_do: str


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What people would never learn. None: the ledgers could not be read."""

    messages: int | None
    studies: int | None

    @property
    def is_clear(self) -> bool:
        """Whether it is known that nobody waits for anything."""
        return self.messages == 0 and self.studies == 0


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the certificate goes. `kind`: `folder`, `stick` or `printer`; `place`: path or URI."""

    kind: str
    place: str
    authority: str = ""
    """Of a printer's certificate, as PEM: the file of the site YAML is gone by then."""


@dataclass(frozen=True, slots=True)
class WipePlan:
    """All of it. No PHI, no secret."""

    site: str
    language: str
    time_zone: str
    device_id: str
    serial: str
    """What a person types; see `facts.box_serial`."""
    software: str
    keys: tuple[KeyFile, ...]
    volumes: tuple[Volume, ...]
    media: tuple[Medium, ...]
    folders: tuple[str, ...]
    files: tuple[str, ...]
    """Files and folders that go as a whole; what may hold a key is overwritten first."""
    identity: str
    """Folder of the device's identity: goes last."""
    last_keys: tuple[KeyFile, ...]
    """What the identity itself is sealed with: goes with it."""
    clears_tpm: bool
    undelivered: Undelivered
    outstanding: tuple[Outstanding, ...]
    destinations: tuple[Destination, ...]
    is_installed: bool
    """Whether systemd runs it; else it is a box in some folder, for development."""

    @property
    def reach(self) -> Reach:
        """The best that can be reached: that of the weakest medium."""
        all_purged = self.media and all(each.reach is Reach.PURGE for each in self.media)
        return Reach.PURGE if all_purged else Reach.CLEAR
