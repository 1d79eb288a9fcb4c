"""Which system image this machine runs, and what writes another one into its other slot."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import UpdateError
from appliance.storage import storage_error
from appliance.update.layout import is_os_name, is_version

SYSUPDATE: Final = ("/usr/lib/systemd/systemd-sysupdate", "--verify=no")
"""`--verify=no`: of OpenPGP signatures; what lies ready was verified as `staging` describes."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_SECONDS: Final = 3600.0
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class RunningImage:
    """`IMAGE_ID` and `IMAGE_VERSION` of os-release."""

    name: str
    version: str


def running_image(os_release: Mapping[str, str] | None = None) -> RunningImage | None:
    """The image that runs; None on a machine that was not flashed with one of ours."""
    said = _os_release() if os_release is None else os_release
    name, version = said.get("IMAGE_ID", ""), said.get("IMAGE_VERSION", "")
    return RunningImage(name, version) if is_os_name(name) and is_version(version) else None


def boot_id() -> str:
    """Of this boot, by the kernel. Raises StorageError: `storage-failed`."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError as error:
        raise storage_error(error) from error


def install(version: str, command: Sequence[str] = SYSUPDATE) -> None:
    """Have what lies ready written into the other slot, its kernel image last.

    Interrupted anywhere, the old image starts; called again, it goes on.

    Raises:
        UpdateError: `os-install-failed`, with the last line that the program said.
    """
    try:
        done = subprocess.run(
            [*command, "update", version],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UpdateError("os-install-failed", type(error).__name__) from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise UpdateError("os-install-failed", "".join(filter(str.isprintable, said))[:_LONGEST])


def _os_release() -> Mapping[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
