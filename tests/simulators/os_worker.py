"""The installing unit in processes that can be killed before each of their system calls.

As `tests.simulators.update_worker`: each child goes on once, as the timer's unit does.
"""

from __future__ import annotations

import json
from pathlib import Path

from appliance.errors import OsteonError
from appliance.signing import DeviceSigner
from tests.simulators.os_box import OsBox
from tests.simulators.stoppable import serve, stand_still
from tests.simulators.update_worker import TOLD


def kept(box: OsBox, key: bytes) -> None:
    """Leave beside the box what another process needs to go on with it."""
    (box.folder / "device.pem").write_bytes(key)
    (box.folder / "root.json").write_bytes(box.root)
    said = {"running": box.running, "boots": box.boots, "now": box.clock.wall}
    (box.folder / "machine.json").write_text(json.dumps(said))


def opened(folder: Path) -> OsBox:
    """A box as it lies there."""
    said = json.loads((folder / "machine.json").read_text())
    signer = DeviceSigner.from_pem((folder / "device.pem").read_bytes())
    box = OsBox(folder, (folder / "root.json").read_bytes(), signer)
    box.running, box.boots, box.clock.wall = said["running"], said["boots"], said["now"]
    return box


def _attempt(words: list[str]) -> int:
    box = opened(Path(words[0]))
    box.may_restart = False
    stand_still()
    try:
        box.unit.go_on()
    except OsteonError:
        return TOLD
    return 0


if __name__ == "__main__":
    serve(_attempt)
