"""The life of a box as it is shipped: flashed, configured by a stick, at work, cut off, wiped.

One machine, one story: starting it takes minutes without KVM. The image's own root and units are
under test; studies are read by a pack that needs no training, as networks are slow when emulated.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.image import firmware, netns
from tests.image.disk import partitions, traces
from tests.image.guest import GO
from tests.image.machine import VirtualMachine, write_stick
from tests.simulators import canaries, spot_pack
from tests.simulators.box import Surroundings, site_yaml, wait_until
from tests.simulators.mail import FROM_A_GUEST, MailServer, mail_server
from tests.simulators.modality import dcmtk, save
from tests.simulators.printer import Printer, ipp_printer
from tests.simulators.sticks import sign

pytestmark = [pytest.mark.image, pytest.mark.timeout(5400)]

CASE = re.compile(r"\b[0-9A-Z]{3}-[0-9A-Z]{4}\b")
UNITS = tuple(f"osteon-{role}.service" for role in ("access", "receive", "analyse", "deliver"))
PACKS = "/data/packs"
CONFIGURED = {11112}
"""The ports that the site YAML of this test opens."""
SLOW = 1800
"""Seconds in which anything has to happen in an emulated machine on a busy host."""


@dataclass
class Site:
    """The box in its hospital, which is this host."""

    vm: VirtualMachine
    mail: MailServer
    printer: Printer
    packs: Path
    cable: netns.Cable

    def switch_on(self) -> None:
        """Start it, give it the packs before it looks for a stick, wait until it receives."""
        self.vm.start()
        self.say("the kernel runs services", self.vm.wait_for_agent(SLOW))
        self.until(lambda: self.vm.run("test", "-d", "/data/osteon", is_checked=False).status == 0)
        self.vm.run("tar", "-xC", "/data", said=packed(self.packs, "packs"))
        self.vm.run("touch", GO)
        self.until(self.answers_echo)
        self.say("boot to receiving", self.vm.seconds())
        self.until(self.is_at_work)
        self.say("boot to all at work", self.vm.seconds())

    def answers_echo(self) -> bool:
        """C-ECHO through the forwarded port."""
        return dcmtk("echoscu", self.vm.dicom, calling="DR1", seconds=120).returncode == 0

    def is_at_work(self) -> bool:
        """Whether every unit has said that it is ready."""
        shown = self.vm.run("systemctl", "show", "--value", "-p", "ActiveState", *UNITS)
        return shown.out.split() == ["active"] * len(UNITS)

    def until(self, ready: Callable[[], bool]) -> None:
        """Wait; when in vain, with what the box said meanwhile."""
        try:
            wait_until(ready, SLOW)
        except TimeoutError as error:
            error.add_note(self.vm.console[-4000:])
            error.add_note(self.vm.run("journalctl", "-b", "-n", "120", "--no-pager").out)
            raise

    def studies(self) -> dict[str, str | None]:
        """The outcome of every case."""
        done = self.vm.run("osteon", "studies", "--json")
        return {row["case"]: row["outcome"] for row in json.loads(done.out)}

    def alerted(self) -> set[str]:
        """The case of every mail that a study has caused."""
        subjects = [str(mail["Subject"]) for mail in self.mail.messages]
        return {found.group() for each in subjects if (found := CASE.search(each))}

    def say(self, what: str, seconds: float) -> None:
        """A figure for whoever reads the run; nothing hangs on it."""
        print(f"\n  {what}: {seconds:.0f} s", flush=True)


def packed(folder: Path, name: str) -> bytes:
    """A folder as a tar file's bytes."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(folder, name)
    return content.getvalue()


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder with the newest image; `make image` has made it."""
    assert os.geteuid() == 0, "only root can build and start the image"
    return (firmware.CACHE / "image").resolve()


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Iterator[Site]:
    place = firmware.CACHE / "machines" / tmp_path.name
    with ExitStack() as stack:
        mail = stack.enter_context(mail_server(tmp_path))
        printer = stack.enter_context(ipp_printer(tmp_path / "p"))
        cable = stack.enter_context(netns.cable())
        vm = VirtualMachine(built, place, tap=cable.tap)
        stack.callback(subprocess.run, ["rm", "-rf", place], check=False)
        stack.callback(vm.clear)
        vm.make()
        vm.stick = write_stick(place / "stick.img", stick_files(tmp_path, mail, printer))
        packs = spot_pack.write(tmp_path / "packs")
        yield Site(vm, mail, printer, packs, cable)


def stick_files(folder: Path, mail: MailServer, printer: Printer) -> dict[str, bytes]:
    """A site YAML for this hospital and the authority of its mail server, signed by the maker."""
    uri = printer.uri.replace("127.0.0.1", FROM_A_GUEST)
    content: dict[str, Any] = yaml.safe_load(
        site_yaml(folder, 11112, Surroundings(mail, uri), {"packs": {"folder": PACKS}})
    )
    for key in ("state_folder", "master_key_file", "device_key_file"):
        del content[key]
    content["dicom"]["address"] = "0.0.0.0"
    for each in content["dicom"]["modalities"]:
        each["address"] = FROM_A_GUEST
    content["mail"]["host"] = FROM_A_GUEST
    content["mail"]["ca_file"] = "/etc/osteon/mail-ca.crt"
    (folder / "site.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "mail-ca.crt").write_bytes(mail.ca_file.read_bytes())
    names = []
    for name in ("site.yaml", "mail-ca.crt"):
        sign(folder / name, firmware.KEYS / "site")
        names += [name, f"{name}.sig"]
    return {name: (folder / name).read_bytes() for name in names}


def test_a_box_from_its_first_boot_to_its_wipe(site: Site, tmp_path: Path) -> None:
    site.switch_on()
    data_are_encrypted_to_this_machine(site)
    listens_only_where_it_was_told(site)
    films = canaries.films()
    tells_of_a_study(site, save(films[:1], tmp_path / "first")[0])
    loses_nothing_when_its_power_fails(site, save(films[1:], tmp_path / "others"))
    leaves_nothing_when_it_is_wiped(site)


def data_are_encrypted_to_this_machine(site: Site) -> None:
    """By the TPM2, to the firmware's state and to whoever may sign kernel images."""
    header = json.loads(
        site.vm.run(
            *("cryptsetup", "luksDump", "--dump-json-metadata"),
            "/dev/disk/by-partlabel/osteon-data",
        ).out
    )
    (token,) = header["tokens"].values()
    assert token["type"] == "systemd-tpm2"
    assert token["tpm2-pcrs"] == [7, 12]
    assert token["tpm2_pubkey_pcrs"] == [11]
    places = site.vm.run("findmnt", "-rno", "TARGET", "/dev/mapper/osteon-data").out.split()
    assert {"/var/lib/osteon", "/etc/osteon", "/etc/credstore.encrypted"} <= set(places)
    identity = json.loads(site.vm.run("osteon", "first-boot", "identity", "--json").out)
    assert identity["protection"] == "tpm2"
    assert site.vm.run("findmnt", "-no", "OPTIONS", "/").out.startswith("ro")


def listens_only_where_it_was_told(site: Site) -> None:
    """TCP is scanned from outside, all of it; of UDP the guest itself tells."""
    nic = json.loads(site.vm.run("ip", "-j", "link").out)[-1]["ifname"]
    site.vm.run("ip", "addr", "add", f"{netns.GUEST}/24", "dev", nic)
    site.vm.run("ip", "link", "set", nic, "up")
    answered = site.cable.inside("python3", str(netns.scanner()), netns.GUEST)
    assert {int(port) for port in answered.split()} == CONFIGURED
    listening = site.vm.run("ss", "-Hlun").out.split("\n")
    udp = {line.split()[3].rpartition(":")[2] for line in listening if line}
    assert udp <= {"68"}, "a DHCP client waits for its answers; nothing else"


def tells_of_a_study(site: Site, film: Path) -> None:
    """C-STORE from outside; the mail and the page come out."""
    done = dcmtk("storescu", site.vm.dicom, film, calling="DR1", seconds=SLOW)
    assert done.returncode == 0, done.stderr
    site.until(lambda: len(site.alerted()) == 1)
    site.until(lambda: bool(site.printer.printed()))
    assert set(site.studies().values()) == {"alert"}


def loses_nothing_when_its_power_fails(site: Site, films: list[Path]) -> None:
    """Cut while studies come in: whatever was answered with Success ends, and is told."""
    taken: list[Path] = []

    def send() -> None:
        for film in films:
            done = dcmtk("storescu", site.vm.dicom, film, calling="DR1", seconds=SLOW)
            if done.returncode != 0:
                return
            taken.append(film)

    sender = threading.Thread(target=send)
    sender.start()
    wait_until(lambda: len(taken) >= 3, SLOW)
    site.vm.cut()
    sender.join(SLOW)
    acknowledged = len(taken) + 1
    site.switch_on()
    site.until(lambda: len(site.studies()) >= acknowledged)
    site.until(lambda: set(site.studies().values()) == {"alert"})
    site.until(lambda: site.alerted() >= set(site.studies()))
    print(f"\n  power cut: {acknowledged} acknowledged, {len(site.studies())} told", flush=True)


def leaves_nothing_when_it_is_wiped(site: Site) -> None:
    """The certificate is on the stick; the disk holds no value of a patient, and no key."""
    for case in site.studies():
        site.vm.run("osteon", "ack", case, "--by", "Dr. Night")
    # What the search finds when it is there.
    site.vm.run("sh", "-c", f"printf {canaries.MARK}000 >/keep/mark && sync /keep/mark")
    done = site.vm.run(
        *("osteon", "wipe", "--operator", "Li Wei", "--serial", "BOX-0001", "--stick"),
        seconds=SLOW,
        is_checked=False,
    )
    assert done.status == 0, done.out + done.err
    site.vm.power_off()
    assert traces(site.vm.disk) == {0}
    data = partitions(site.vm.disk)["osteon-data"]
    with site.vm.disk.open("rb") as disk:
        disk.seek(data.start)
        assert b"LUKS" not in disk.read(1 << 20)
    names = firmware.in_tools("mdir", "-b", "-i", str(site.vm.stick), "::")
    assert "osteon-wipe" in names
