"""A plain Debian in a machine, made a box as `provisioning/manual/01-install.md` says."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydicom.dataset import Dataset

from tests.simulators import spot_pack
from tests.simulators.box import ROOT, Surroundings, site_yaml, wait_until
from tests.simulators.machine import Machine, debian
from tests.simulators.mail import MailServer, free_port, mail_server
from tests.simulators.modality import dcmtk, save

CHECKOUT = "/srv/checkout"
BESIDE_A_WHEEL = ("models", "provisioning", "requirements")
SOURCES = ("appliance", "pyproject.toml", "README.md", "LICENSE")
SITE = "/etc/osteon/site.yaml"
UNITS = (
    "osteon-access.service",
    "osteon-receive.service",
    "osteon-analyse.service",
    "osteon-deliver.service",
)


CASE = re.compile(r"\b[0-9A-Z]{3}-[0-9A-Z]{4}\b")


@dataclass
class InstalledBox:
    """A box in a machine, with this host as its hospital."""

    machine: Machine
    folder: Path
    port: int
    mail: MailServer
    first_install: str
    content: dict[str, Any]
    sent: int = 0
    installer: str = f"{CHECKOUT}/provisioning/install"

    def send(self, image: Dataset) -> None:
        """Store one image from outside; it is answered with Success."""
        self.sent += 1
        (file,) = save([image], self.folder / "sent" / str(self.sent))
        done = dcmtk("storescu", self.port, file, calling="DR1")
        assert done.returncode == 0, done.stderr

    def studies(self) -> dict[str, str | None]:
        """The outcome of every case, as the technician's command tells it."""
        done = self.machine.run("osteon", "studies", "--json")
        return {row["case"]: row["outcome"] for row in json.loads(done.stdout)}

    def alerts(self) -> list[str]:
        """The case of every mail that a study has caused."""
        subjects = [str(mail["Subject"]) for mail in self.mail.messages]
        return [found.group() for each in subjects if (found := CASE.search(each))]

    def until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait; when in vain, with what the box said meanwhile."""
        try:
            wait_until(ready, seconds)
        except TimeoutError as error:
            said = self.machine.run("journalctl", "-b", "-n", "80", "-u", "osteon*", "--no-pager")
            error.add_note(said.stdout)
            raise

    def is_alerted(self, image: Dataset, seconds: float = 120) -> str:
        """Send an image with a finding and wait for the mail about it; its case."""
        before = set(self.alerts())
        self.send(image)
        return self.alerted_since(before, seconds)

    def alerted_since(self, before: set[str], seconds: float = 120) -> str:
        """Wait for a mail about a case that had none; that case."""
        self.until(lambda: bool(set(self.alerts()) - before), seconds)
        (case,) = set(self.alerts()) - before
        return case

    def process(self, unit: str) -> int:
        """The main process of a unit; 0 while there is none."""
        return int(self.property(unit, "MainPID"))

    def property(self, unit: str, name: str) -> str:
        """What systemd says of a unit."""
        done = self.machine.run("systemctl", "show", "--value", "-p", name, unit)
        return done.stdout.strip()

    def is_at_work(self) -> bool:
        """Whether every unit has said that it is ready."""
        return all(self.property(unit, "ActiveState") == "active" for unit in UNITS)

    def comes_back(self, unit: str, ended: int, seconds: float = 120) -> None:
        """Wait until a unit runs as another process than that one."""

        def is_back() -> bool:
            return self.process(unit) not in {0, ended} and self.is_at_work()

        self.until(is_back, seconds)

    def said(self, event: str) -> int:
        """How often the box has written that event since the machine started."""
        return self.machine.run("journalctl", "-b", "-u", "osteon*").stdout.count(event)

    def mail_about(self, case: str) -> str:
        """The first mail about a case."""
        (mail, *_) = (each for each in self.mail.messages if case in str(each["Subject"]))
        return str(mail.get_content())

    def configure(self, **changes: Any) -> None:
        """Write the site YAML with other sections, as a technician's editor does."""
        written = yaml.safe_dump({**self.content, **changes}, sort_keys=False)
        self.machine.write(SITE, written.encode())


def broken_leg() -> Dataset:
    """A study of its own, in which the spot pack finds something urgent."""
    return spot_pack.film((120, 90))


@contextlib.contextmanager
def installed_box(
    folder: Path, suite: str, *, seals_device_key: bool = True
) -> Iterator[InstalledBox]:
    """A plain Debian, made a box as the manual says, and at work.

    seals_device_key: else its identity is made as on a machine where nothing can seal the key.
    """
    with mail_server(folder) as mail, debian(folder, suite) as machine:
        copy_checkout(machine.root / CHECKOUT[1:])
        installed = machine.run(f"{CHECKOUT}/provisioning/install", seconds=900)
        packs = spot_pack.write(folder / "packs")
        machine.run("mkdir", "/srv/packs")
        for file in (each for each in packs.rglob("*") if each.is_file()):
            machine.write(f"/srv/packs/{file.relative_to(packs)}", file.read_bytes())
        machine.write("/etc/osteon/mail-ca.crt", mail.ca_file.read_bytes())
        port = free_port()
        content = yaml.safe_load(site_yaml(folder, port, Surroundings(mail), {}))
        for key in ("state_folder", "master_key_file", "device_key_file"):
            del content[key]  # credentials here
        content["packs"] = {"folder": "/srv/packs"}
        content["mail"]["ca_file"] = "/etc/osteon/mail-ca.crt"
        running = InstalledBox(machine, folder, port, mail, installed.stdout, content)
        running.configure()
        machine.run("osteon", "config", "check")
        if not seals_device_key:
            # It finds no program that could.
            machine.run("env", "PATH=/nowhere", "/usr/bin/osteon", "first-boot", "identity")
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "osteon.target")
        running.until(running.is_at_work, 90)
        yield running


def copy_checkout(folder: Path) -> None:
    """The checkout as it is at this moment; somebody may be working in it."""
    for name in (*SOURCES, *BESIDE_A_WHEEL):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "training")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)
