"""What runs in the guest for a test: an agent, and a gate before the box looks for its stick.

They come in an initrd of the test's own, which leaves them where systemd looks after the switch to
the root. Nothing of the image knows of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.image import firmware

PORT = "osteon-test"
GO = "/run/vm-test/go"
"""First boot waits until the test has made this file."""
_DEVICE = f"/dev/virtio-ports/{PORT}"
_SYSTEM = "vm-test/system"
_FILES = {
    "usr/lib/systemd/system/vm-test-copy.service": """[Unit]
DefaultDependencies=no
Before=initrd.target
[Service]
Type=oneshot
ExecStart=/bin/cp -rT /vm-test /run/vm-test
ExecStart=/bin/cp -rT /vm-test/system /run/systemd/system
""",
    f"{_SYSTEM}/vm-test.service": f"""[Unit]
DefaultDependencies=no
After=systemd-udev-trigger.service
[Service]
ExecStartPre=/bin/sh -c 'until test -e {_DEVICE}; do sleep 0.2; done'
ExecStart=/usr/bin/python3 /run/vm-test/guest_agent.py {_DEVICE}
StandardError=journal+console
""",
    f"{_SYSTEM}/vm-test-gate.service": f"""[Unit]
Before=osteon-first-boot.service image-start.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'until test -e {GO}; do sleep 0.2; done'
""",
}
_WANTED = {
    "usr/lib/systemd/system/initrd.target.wants": "vm-test-copy.service",
    f"{_SYSTEM}/sysinit.target.wants": "vm-test.service",
    f"{_SYSTEM}/multi-user.target.wants": "vm-test-gate.service",
}


def write_initrd(place: Path) -> None:
    """Write the initrd, which lies within the cache."""
    tree = place.with_suffix(".files")
    for name, content in _FILES.items():
        file = tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    for name, unit in _WANTED.items():
        (tree / name).mkdir(parents=True)
        (tree / name / unit).symlink_to(f"../{unit}")
    shutil.copy(Path(__file__).with_name("guest_agent.py"), tree / "vm-test")
    firmware.in_tools(
        "sh", "-euc", 'cd "$1"; find . | cpio --quiet -o -H newc >"$2"', "sh", tree, place
    )
