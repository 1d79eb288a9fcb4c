"""Finding a stick by its label, and mounting it so that nothing on it can act."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.clock import Clock
from appliance.errors import ConfigError
from appliance.provision.programs import answer_of
from appliance.provision.stick import Stick

LABELS: Final = ("OSTEON", "CIDATA")
"""Our own sticks, and the NoCloud volume of cloud-init (which writes it in either case)."""
_FILE_SYSTEMS: Final = frozenset({"vfat", "exfat", "iso9660", "udf", "ext4"})
"""What may be mounted: each driver is code of the kernel that reads what a stranger wrote."""
_OPTIONS: Final = "ro,nosuid,nodev,noexec"
_FOR_UNITS: Final = dict.fromkeys(("vfat", "exfat", "udf"), ",umask=022")
"""Those that keep no modes: else they take the umask of whoever mounts."""
_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Volume:
    """A block device with a file system that has one of the labels."""

    device: str
    file_system: str


def find_volume(labels: Collection[str]) -> Volume | None:
    """The one volume with one of the labels; None where there is none, or this is not root.

    Raises:
        ConfigError: `volume-ambiguous`, `volume-unsupported`.
    """
    # Asks the devices themselves: what a cache or udev knows may be older than the stick.
    listed = answer_of(["blkid", "--cache-file", "/dev/null", "--output", "export"])
    return choose_volume((listed or b"").decode("utf-8", "replace"), labels)


def choose_volume(listed: str, labels: Collection[str]) -> Volume | None:
    """`find_volume`, from what `blkid --output export` wrote."""
    wanted = {label.casefold() for label in labels}
    devices = [
        dict(line.partition("=")[::2] for line in block.splitlines())
        for block in listed.split("\n\n")
    ]
    found = [each for each in devices if each.get("LABEL", "").casefold() in wanted]
    if len(found) > 1:
        raise ConfigError("volume-ambiguous", ", ".join(each["DEVNAME"] for each in found))
    if not found:
        return None
    volume = Volume(found[0]["DEVNAME"], found[0].get("TYPE", ""))
    if volume.file_system not in _FILE_SYSTEMS:
        raise ConfigError("volume-unsupported", f"{volume.device}: {volume.file_system}")
    return volume


def wait_for_volume(labels: Collection[str], seconds: float, clock: Clock) -> Volume | None:
    """`find_volume`, again and again: a stick needs some seconds after the machine has started."""
    end = clock.monotonic() + seconds
    never = threading.Event()
    while True:
        volume = find_volume(labels)
        if volume is not None or clock.monotonic() >= end:
            return volume
        clock.wait(never, _LOOK_SECONDS)


def mount_options(volume: Volume, *, is_for_units: bool) -> str:
    """For `mount -o`; see `mounted`."""
    return _OPTIONS + (_FOR_UNITS.get(volume.file_system, "") if is_for_units else "")


@contextmanager
def mounted(volume: Volume, *, is_for_units: bool = False) -> Iterator[Stick]:
    """Mount a volume read-only in a private place, until the end.

    is_for_units: the users of the units may read it too, where it keeps no modes of its own.

    Raises:
        ConfigError: `volume-not-mounted`.
    """
    place = tempfile.mkdtemp(prefix="osteon-stick-")
    try:
        options = mount_options(volume, is_for_units=is_for_units)
        command = ["mount", "-t", volume.file_system, "-o", options, volume.device, place]
        if answer_of(command) is None:
            raise ConfigError("volume-not-mounted", volume.device)
        try:
            yield Stick(Path(place), is_mounted_here=True)
        finally:
            if answer_of(["umount", place]) is None:
                answer_of(["umount", "--lazy", place])
    finally:
        # Only the empty folder: what could not be unmounted is somebody's stick.
        with suppress(OSError):
            Path(place).rmdir()
