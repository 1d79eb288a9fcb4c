"""The same kernel image, signed by nobody: neither firmware nor TPM lets it have the data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image import firmware
from tests.image.guest import GO
from tests.image.hospital import SLOW
from tests.image.machine import VirtualMachine
from tests.simulators.box import wait_until

pytestmark = [pytest.mark.image, pytest.mark.exhaustive, pytest.mark.timeout(3600)]

REFUSED = re.compile("Security Violation|Access Denied", re.IGNORECASE)


@pytest.fixture
def flashed(built: Path, place: Path) -> Iterator[VirtualMachine]:
    """A machine that has made its data volume and waits for a stick."""
    vm = VirtualMachine(built, place / "vm")
    try:
        vm.make()
        vm.start()
        vm.wait_for_agent(SLOW)
        wait_until(lambda: has_its_data(vm), SLOW)
        vm.run("touch", GO)
        yield vm
    finally:
        vm.clear()


def test_data_open_for_no_kernel_but_the_makers(flashed: VirtualMachine) -> None:
    """The firmware does not start it; where somebody has it do so, the TPM keeps the key."""
    flashed.power_off()
    unsigned = flashed.folder / "unsigned.efi"
    firmware.kernel_image(flashed.built, unsigned, flashed.agent_initrd, is_signed=False)
    flashed.put_kernel(unsigned)
    flashed.start()
    wait_until(lambda: bool(REFUSED.search(flashed.console)), SLOW)
    flashed.cut()
    flashed.enrol_keys(is_secure=False)
    flashed.start()
    flashed.wait_for_agent(SLOW)
    wait_until(lambda: state_of(flashed, "image-data.service") == "failed", SLOW)
    assert not has_its_data(flashed)
    assert state_of(flashed, "osteon-receive.service") == "inactive"


def has_its_data(vm: VirtualMachine) -> bool:
    """Whether the data volume is open."""
    return vm.run("test", "-d", "/data/osteon", is_checked=False).status == 0


def state_of(vm: VirtualMachine, unit: str) -> str:
    """`ActiveState` of a unit."""
    return vm.run("systemctl", "show", "--value", "-p", "ActiveState", unit).out.strip()
