"""What an image needs besides itself to start in a VM: firmware with our keys, a test's kernel.

The test's kernel image is the shipped one, signed by the same keys, that also writes to the serial
console and brings the test's agent in its initrd, and no microcode, which an emulator cannot use.
Everything else, the root with its hash among it, is what is shipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "image-build"
CACHE = Path(os.environ.get("OSTEON_IMAGE_CACHE", BUILD / ".cache")).resolve()
KEYS = Path(os.environ.get("OSTEON_IMAGE_KEYS", CACHE / "keys"))
IN_TOOLS = str(BUILD / "in-tools")
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
_NO_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"
_STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
PATIENCE_S = 300
_OWNER = "6f737465-6f6e-4d61-a6b3-000000000001"


def in_tools(*words: str | Path, seconds: float = 300) -> str:
    """Run a program of the tool root; what it wrote."""
    done = subprocess.run(
        [IN_TOOLS, *words], capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def variables(place: Path, *, is_secure: bool = True) -> None:
    """The firmware's memory with our certificate as platform, exchange and signature key.

    is_secure: else somebody has switched Secure Boot off. The keys stay: without any, systemd-boot
    enrols ours.
    """
    certificate = KEYS / "secure-boot.crt"
    in_tools(
        *("virt-fw-vars", "--input", _NO_VARIABLES, "--output", place),
        *("--set-pk", _OWNER, certificate, "--add-kek", _OWNER, certificate),
        *("--add-db", _OWNER, certificate),
        *(["--secure-boot"] if is_secure else ["--set-false", "SecureBootEnable"]),
    )


def sections(kernel_image: Path) -> dict[str, str]:
    """The text sections of a kernel image: `.cmdline`, `.osrel`, `.uname` and others."""
    found: dict[str, Any] = json.loads(in_tools("ukify", "inspect", kernel_image, "--json=short"))
    return {name: str(each["text"]) for name, each in found.items() if "text" in each}


def kernel_image(
    built: Path,
    place: Path,
    *initrds: Path,
    version: str = "",
    root_hash: str = "",
    is_signed: bool = True,
    patience_s: int = PATIENCE_S,
) -> Path:
    """The kernel image of a built image again, for the emulator and with more initrds.

    built: the folder that the build has made. version, root_hash: of another root than the built
    one. is_signed: for the firmware and for PCR 11. patience_s: in which a device has to appear.
    """
    osrel = place.with_suffix(".osrel")
    about = sections(built / "osteon.efi")
    named = about[".osrel"].rstrip("\0")
    osrel.write_text(of_version(named, version) if version else named)
    cmdline = _for_the_emulator(about[".cmdline"].strip("\0 \n"), patience_s)
    if root_hash:
        cmdline = re.sub(r"roothash=\w+", f"roothash={root_hash}", cmdline)
    signing: list[str | Path] = [
        *("--secureboot-private-key", KEYS / "secure-boot.pem"),
        *("--secureboot-certificate", KEYS / "secure-boot.crt", "--signtool", "systemd-sbsign"),
        "--no-sign-kernel",
        *("--pcr-private-key", KEYS / "pcr.pem"),
        *("--pcr-banks", "sha256"),
    ]
    in_tools(
        *(
            "ukify",
            "build",
            "--linux",
            built / "osteon.vmlinuz",
            "--initrd",
            built / "osteon.initrd",
        ),
        *("--cmdline", cmdline, "--os-release", f"@{osrel}", "--uname", about[".uname"]),
        *(word for initrd in initrds for word in ("--initrd", initrd)),
        *("--stub", _STUB, "--output", place, *(signing if is_signed else [])),
    )
    return place


def of_version(os_release: str, version: str) -> str:
    """An os-release of another version."""
    return re.sub(r"^IMAGE_VERSION=.*$", f"IMAGE_VERSION={version}", os_release, flags=re.MULTILINE)


def _for_the_emulator(cmdline: str, patience_s: int) -> str:
    """The shipped command line, and a console, no check of timers, and patience.

    A slow emulator does not deliver the ticks in time that the kernel looks for, and on a busy host
    its disk takes longer to appear than the 90 seconds that systemd waits.
    """
    return (
        f"{cmdline} console=ttyS0 systemd.show_status=1 no_timer_check"
        f" systemd.default_device_timeout_sec={patience_s}"
    )
