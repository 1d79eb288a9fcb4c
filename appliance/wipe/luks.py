"""LUKS2 volumes: closing, erasing, and trying to open them again. cryptsetup does all of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import WipeError
from appliance.wipe.plan import Volume
from appliance.wipe.programs import Programs

_SECONDS: Final = 30.0
_TRIES: Final = 3
_MOST_HEADER: Final = 64 << 20
_CHUNK: Final = 1 << 20
_RECOVERY: Final = "systemd-recovery"


@dataclass(frozen=True, slots=True)
class Header:
    """What a volume's header says. `recovery_keys`: how many keys were made for an escrow."""

    uuid: str
    header_bytes: int
    key_slots: int
    recovery_keys: int


def read_header(device: str, programs: Programs) -> Header:
    """The header of a LUKS2 volume, read by cryptsetup.

    Raises:
        WipeError: `wipe-volume-unknown`.
    """
    dump = programs.run(["cryptsetup", "luksDump", "--dump-json-metadata", device], _SECONDS)
    uuid = programs.run(["cryptsetup", "luksUUID", device], _SECONDS)
    if not (dump.is_done and uuid.is_done):
        raise WipeError("wipe-volume-unknown", f"{device}: {dump.trouble or uuid.trouble}")
    return parse_header(device, dump.out, uuid.out.strip())


def parse_header(device: str, dump: str, uuid: str) -> Header:
    """`read_header`, from what `cryptsetup luksDump --dump-json-metadata` wrote."""
    try:
        metadata = json.loads(dump)
        start = min(int(segment["offset"]) for segment in metadata["segments"].values())
        tokens = [token["type"] for token in metadata["tokens"].values()]
        slots = len(metadata["keyslots"])
    except (ValueError, KeyError, TypeError) as error:
        raise WipeError("wipe-volume-unknown", f"{device}: {type(error).__name__}") from error
    if not 0 < start <= _MOST_HEADER:
        raise WipeError("wipe-volume-unknown", f"{device}: a detached or unusual header")
    return Header(uuid, start, slots, tokens.count(_RECOVERY))


def close(volume: Volume, programs: Programs) -> tuple[str, ...]:
    """Unmount and close: while a volume is mapped, luksErase leaves it readable.

    A mapping that will not close loses its key in the kernel (`luksSuspend`). Returns what went
    wrong; nothing when it is closed.
    """
    if not volume.mapping:
        return ()
    for place in reversed(volume.mount_points):
        _unmount(place, programs)
    node = Path("/dev/mapper", volume.mapping)
    if not node.exists():
        return ()
    closed = programs.run(["cryptsetup", "close", volume.mapping], _SECONDS)
    if not node.exists():
        return ()
    suspended = programs.run(["cryptsetup", "luksSuspend", volume.mapping], _SECONDS)
    if suspended.is_done:
        return ()
    return (f"{volume.device} is still open: {closed.trouble}",)


def _unmount(place: str, programs: Programs) -> None:
    """By systemd, which does it for every process; then here, whoever still sits in it."""
    unit = programs.run(["systemd-escape", "--path", "--suffix=mount", place], _SECONDS)
    if unit.is_done:
        programs.run(["systemctl", "stop", unit.out.strip()], _SECONDS)
    if os.path.ismount(place) and not programs.run(["umount", place], _SECONDS).is_done:
        programs.run(["umount", "--lazy", place], _SECONDS)


def destroy(volume: Volume, programs: Programs) -> tuple[str, ...]:
    """Make a volume impossible to open: its key slots, then both headers, until it is found so.

    An interrupted luksErase has been seen to leave a usable key, hence the second and third try.
    Returns what went wrong at the last try; nothing when it no longer opens.
    """
    troubles: tuple[str, ...] = ()
    for _ in range(_TRIES):
        programs.run(["cryptsetup", "luksErase", "--batch-mode", volume.device], _SECONDS)
        try:
            _overwrite_header(volume)
        except OSError as error:
            troubles = (f"{volume.device}: {error.strerror}",)
            continue
        opening = why_it_opens(volume, programs)
        if not opening:
            return ()
        troubles = (opening,)
    return troubles


def why_it_opens(volume: Volume, programs: Programs) -> str:
    """Try to open a volume again; empty when nothing of LUKS is left on it, else what is."""
    is_luks = programs.run(["cryptsetup", "isLuks", volume.device], _SECONDS)
    if is_luks.status is None:
        return f"{volume.device}: not tried: {is_luks.trouble}"
    if is_luks.is_done:
        return f"{volume.device}: a LUKS header is still there"
    repaired = programs.run(
        ["cryptsetup", "luksDump", "--dump-json-metadata", volume.device], _SECONDS
    )
    if repaired.is_done:
        return f"{volume.device}: the second LUKS header is still there"
    opened = programs.run(
        ["cryptsetup", "open", "--test-passphrase", "--token-only", volume.device], _SECONDS
    )
    return f"{volume.device}: it opens" if opened.is_done else ""


def _overwrite_header(volume: Volume) -> None:
    """With random bytes, all the way to where the data begin; read back from the medium."""
    descriptor = os.open(volume.device, os.O_RDWR | os.O_SYNC | os.O_CLOEXEC)
    try:
        for start in range(0, volume.header_bytes, _CHUNK):
            left = os.urandom(min(_CHUNK, volume.header_bytes - start))
            while left:
                written = os.pwrite(descriptor, left, start)
                left, start = left[written:], start + written  # noqa: PLW2901 - a short write
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
