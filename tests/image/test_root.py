"""The image's root, started in a container: everything but firmware, kernel and block devices.

Two folders stand for its two partitions. Quick enough to look at many things; the virtual machine
of `test_life_of_a_box` shows that the rest holds too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from models.training.data.dicom_series import write_series
from models.training.simulation.chest_case import chest_case
from tests.demo.downloads import real_images
from tests.image import firmware
from tests.simulators.box import Surroundings, site_yaml, wait_until
from tests.simulators.machine import Machine
from tests.simulators.mail import MailServer, free_port, mail_server
from tests.simulators.modality import dcmtk

pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]

CASE = re.compile(r"\b[0-9A-Z]{3}-[0-9A-Z]{4}\b")
SLICES = 48
FOLDERS = (
    *("keep/identity", "keep/systemd", "keep/wipe"),
    *("data/osteon", "data/settings", "data/credstore", "data/journal"),
)


@dataclass
class Started:
    """The root at work, its two folders, and the port of its site YAML."""

    machine: Machine
    folder: Path
    mail: MailServer
    port: int

    def failed(self) -> str:
        """The units that failed."""
        return self.machine.run("systemctl", "--failed", "--no-legend", "--plain").stdout

    def answers(self) -> bool:
        """C-ECHO."""
        return dcmtk("echoscu", self.port, calling="DR1").returncode == 0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files of the newest image's root."""
    assert os.geteuid() == 0, "only root can start it"
    place = firmware.CACHE / "machines" / tmp_path_factory.mktemp("root").name
    place.parent.mkdir(exist_ok=True)
    raw = firmware.CACHE / "image/osteon.root-x86-64.raw"
    firmware.in_tools("fsck.erofs", f"--extract={place}", raw.resolve(), seconds=600)
    yield place
    subprocess.run(["rm", "-rf", "--one-file-system", place], check=False)


@pytest.fixture
def started(root: Path, tmp_path: Path) -> Iterator[Started]:
    """The box, with a site YAML that is there already; read by a pack that needs no training."""
    for name in FOLDERS:
        (tmp_path / name).mkdir(parents=True)
    port = free_port()
    with mail_server(tmp_path) as mail:
        settings = tmp_path / "data/settings"
        (settings / "mail-ca.crt").write_bytes(mail.ca_file.read_bytes())
        content = yaml.safe_load(site_yaml(tmp_path, port, Surroundings(mail), {}))
        for key in ("state_folder", "master_key_file", "device_key_file", "packs"):
            del content[key]
        content["mail"]["ca_file"] = "/etc/osteon/mail-ca.crt"
        (settings / "site.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        binds = (f"--bind={tmp_path / name}:/{name}" for name in ("keep", "data"))
        # The machine's id is its firmware's: systemd's host key is bound to it.
        options = ("--read-only", "--resolv-conf=off", f"--uuid={uuid.uuid4()}", *binds)
        machine = Machine(root, options=options, reaches_packages=False)
        machine.boot()
        try:
            yield Started(machine, tmp_path, mail, port)
        finally:
            machine.pull_the_plug()


def test_a_read_only_root_is_a_box_at_work(started: Started, tmp_path: Path) -> None:
    wait_until(started.answers, 120)
    assert started.failed() == ""
    timers = started.machine.run("systemctl", "list-timers", "--no-legend").stdout
    assert "osteon-os-install.timer" in timers
    assert "sysupdate" not in timers, "Osteon alone installs systems, and restarts"
    assert started.machine.run("findmnt", "-no", "OPTIONS", "/").stdout.startswith("ro")
    sealed = started.folder / "data/credstore/osteon.master-key"
    assert sealed.stat().st_mode & 0o77 == 0
    has_its_identity_beside_the_data(started)
    alerts_by_the_packs_that_are_shipped(started, tmp_path / "sent")
    is_the_same_box_after_a_power_cut(started)


def alerts_by_the_packs_that_are_shipped(started: Started, folder: Path) -> None:
    """A real chest CT with a simulated fracture: the slices round it."""
    case = chest_case(real_images().lidc)
    volume = case.fractured
    middle = round(float(volume.to_index(np.array(case.fracture.centres_lps_mm[0]))[0]))
    first = middle - SLICES // 2
    volume = replace(
        volume,
        voxels=volume.voxels[first : first + SLICES],
        origin_lps_mm=volume.to_lps(np.array([first, 0.0, 0.0])),
    )
    files = write_series(volume, folder, patient_name="Test", patient_id="CT", seed=1)
    assert dcmtk("storescu", started.port, *files, calling="CT1").returncode == 0
    assert CASE.search(str(started.mail.next(240)["Subject"]))


def has_its_identity_beside_the_data(started: Started) -> None:
    """Where a wipe's last phases still find it."""
    shown = started.machine.run("osteon", "first-boot", "identity", "--json").stdout
    assert not json.loads(shown)["made_now"]
    assert (started.folder / "keep/identity/device.key").exists()
    plan = json.loads(started.machine.run("osteon", "wipe", "--plan", "--json").stdout)
    assert plan["identity"] == "/keep/identity"


def is_the_same_box_after_a_power_cut(started: Started) -> None:
    """Nothing that it made at its first boot is made again."""
    sealed = started.folder / "data/credstore/osteon.master-key"
    before = sealed.read_bytes(), (started.folder / "keep/identity/device.key").read_bytes()
    known = started.machine.run("osteon", "studies", "--json").stdout
    started.machine.pull_the_plug()
    started.machine.boot()
    wait_until(started.answers, 120)
    after = sealed.read_bytes(), (started.folder / "keep/identity/device.key").read_bytes()
    assert after == before
    assert json.loads(started.machine.run("osteon", "studies", "--json").stdout)[0]["case"] in known


def test_nothing_of_a_secret_or_of_the_place_of_its_making_is_in_it(root: Path) -> None:
    """One image for all boxes: keys are made on the machine, and no mirror is named."""
    assert (root / "etc/machine-id").read_bytes() == b""
    for place in ("etc/credstore.encrypted", "etc/osteon/site.yaml", "etc/apt/sources.list.d"):
        found = root / place
        assert not found.exists() or (found.is_dir() and not any(found.iterdir())), place
    assert not list(root.glob("etc/ssh/ssh_host_*"))
    assert not (root / "usr/sbin/sshd").exists()
    locked = [line.split(":")[1] for line in (root / "etc/shadow").read_text().splitlines()]
    assert set(locked) <= {"*", "!", "!*"}


def test_every_package_is_in_the_bill_of_materials(root: Path) -> None:
    status = (root / "var/lib/dpkg/status").read_text()
    installed = status.count("\nStatus: install ok installed\n")
    bill = json.loads((root / "usr/share/osteon/image.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    debian = [each for each in bill["components"] if each.get("purl", "").startswith("pkg:deb/")]
    assert len(debian) == installed > 100
    assert all(each["licenses"] for each in debian)
    assert any(each.get("purl", "").startswith("pkg:pypi/") for each in bill["components"])
    packs = [each for each in bill["components"] if each["type"] == "machine-learning-model"]
    assert len(packs) == len(list((root / "usr/share/osteon/models").glob("*/pack.yaml"))) > 0
    assert all(each["licenses"] for each in packs)
