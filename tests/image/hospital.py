"""A hospital, which is this host, and the box in it, which is an emulated machine."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.image import firmware, netns
from tests.image.guest import GO
from tests.image.machine import VirtualMachine
from tests.simulators.box import Surroundings, site_yaml, wait_until
from tests.simulators.mail import FROM_A_GUEST, MailServer
from tests.simulators.modality import dcmtk
from tests.simulators.printer import Printer
from tests.simulators.sticks import sign
from tests.simulators.update_repository import RepositoryMaker
from tests.simulators.web_server import Nginx

CASE = re.compile(r"\b[0-9A-Z]{3}-[0-9A-Z]{4}\b")
UNITS = tuple(f"osteon-{role}.service" for role in ("access", "receive", "analyse", "deliver"))
PACKS = "/data/packs"
SLOW = 1800
"""Seconds in which anything has to happen in an emulated machine on a busy host."""


@dataclass
class Site:
    """The box, and what is round it."""

    vm: VirtualMachine
    mail: MailServer
    printer: Printer
    maker: RepositoryMaker
    packs: Path
    cable: netns.Cable

    def switch_on(self) -> None:
        """Start it, and wait until it receives and all units work."""
        self.vm.start()
        self.comes_up()

    def comes_up(self) -> None:
        """After a start: wait until it receives and all units work."""
        self.receives()
        self.until(self.is_at_work)
        self.say("boot to all at work", self.vm.seconds())

    def receives(self) -> None:
        """After a start: its packs are there before it looks for a stick."""
        self.is_running()
        self.until(lambda: self.vm.run("test", "-d", "/data/osteon", is_checked=False).status == 0)
        if self.vm.run("test", "-d", PACKS, is_checked=False).status != 0:
            self.vm.run("tar", "-xC", "/data", said=packed(self.packs, "packs"))
        self.vm.run("touch", GO)
        self.until(self.answers_echo)
        self.say("boot to receiving", self.vm.seconds())

    def is_running(self) -> None:
        """Wait for the kernel and systemd."""
        self.say("the kernel runs services", self.vm.wait_for_agent(SLOW))

    def answers_echo(self) -> bool:
        """C-ECHO through the forwarded port."""
        return dcmtk("echoscu", self.vm.dicom, calling="DR1", seconds=120).returncode == 0

    def is_at_work(self) -> bool:
        """Whether every unit has said that it is ready."""
        shown = self.vm.run("systemctl", "show", "--value", "-p", "ActiveState", *UNITS)
        return shown.out.split() == ["active"] * len(UNITS)

    def stores(self, *files: Path, calling: str) -> None:
        """C-STORE from outside, answered with Success."""
        done = dcmtk("storescu", self.vm.dicom, *files, calling=calling, seconds=SLOW)
        assert done.returncode == 0, done.stderr

    def version(self) -> str:
        """Of the system that runs."""
        (line,) = self.vm.run("grep", "IMAGE_VERSION", "/etc/os-release").out.split()
        return line.partition("=")[2]

    def system(self) -> dict[str, Any]:
        """What `osteon update status` says of the system."""
        told: dict[str, Any] = json.loads(self.vm.run("osteon", "update", "status", "--json").out)
        return dict(told["os"])

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

    def says_how_long(self, part: Callable[..., None], *given: object) -> None:
        """A part of the box's life, and how long it took."""
        began = time.monotonic()
        part(*given)
        self.say(part.__name__.replace("_", " "), time.monotonic() - began)

    def say(self, what: str, seconds: float) -> None:
        """A figure for whoever reads the run; nothing hangs on it."""
        print(f"\n  {datetime.now(UTC):%H:%M:%S} {what}: {seconds:.0f} s", flush=True)


def packed(folder: Path, name: str) -> bytes:
    """A folder as a tar file's bytes."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(folder, name)
    return content.getvalue()


def stick_files(folder: Path, mail: MailServer, printer: Printer, web: Nginx) -> dict[str, bytes]:
    """A site YAML for this hospital, and who vouches for its servers; signed by the maker."""
    uri = printer.uri.replace("127.0.0.1", FROM_A_GUEST)
    changes = {
        "packs": {"folder": PACKS},
        "update": {
            "url": f"https://{FROM_A_GUEST}:{web.port}",
            "ca_file": "/etc/osteon/updates-ca.crt",
        },
        # An emulated processor is some thirty times slower.
        "analysis": {"decode_seconds": SLOW, "inference_seconds": SLOW},
    }
    content: dict[str, Any] = yaml.safe_load(
        site_yaml(folder, 11112, Surroundings(mail, uri), changes)
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
    (folder / "updates-ca.crt").write_bytes(web.ca_file.read_bytes())
    names = []
    for name in ("site.yaml", "mail-ca.crt", "updates-ca.crt"):
        sign(folder / name, firmware.KEYS / "site")
        names += [name, f"{name}.sig"]
    return {name: (folder / name).read_bytes() for name in names}
