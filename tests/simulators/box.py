"""A whole Osteon as `osteon run` starts it, on free ports of loopback, with a state folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.ledger.work import Revision, WorkLedger
from appliance.sealing import MasterKey
from tests.simulators.mail import MailServer, free_port

ROOT = Path(__file__).parents[2]
OSTEON = (sys.executable, "-P", "-m", "appliance.cli")
MODALITIES = ("CT1", "DR1")
AE_TITLE = "OSTEON"


@dataclass(frozen=True)
class Surroundings:
    """The peers that the site YAML names. `pacs`: (AE title, port)."""

    mail: MailServer
    printer_uri: str | None = None
    pacs: tuple[str, int] | None = None


@dataclass
class Box:
    """A box with its configuration; running or not."""

    folder: Path
    config: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    @property
    def log(self) -> str:
        """All that the box wrote to its journal."""
        return (self.folder / "journal").read_text(errors="replace")

    def start(self) -> None:
        """Start `osteon run` and wait until it receives and analyses."""
        with (self.folder / "journal").open("ab") as journal:
            began = journal.tell()
            self.process = subprocess.Popen(
                [*OSTEON, "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=journal,
                stderr=journal,
                cwd=ROOT,
            )

        def is_ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"osteon run ended with {self.process.returncode}: {self.log}")
            said = self.log[began:]
            return all(f'"{event}"' in said for event in ("listening", "analysing", "delivering"))

        wait_until(is_ready, 240)

    def stop(self) -> int:
        """SIGTERM, as a technician's Ctrl-C or a service manager does; the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(40)

    def kill(self) -> None:
        """`kill -9` of the command itself; its roles end because their lifeline does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def role_pid(self, role: str) -> int:
        """The process that runs a role now."""
        events = [
            json.loads(line[line.index("{") :]) for line in self.log.splitlines() if "{" in line
        ]
        return int(
            [
                each["pid"]
                for each in events
                if each["event"] == "role-started" and each["role"] == role
            ][-1]
        )

    def command(self, *words: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run another `osteon` command on this box."""
        return subprocess.run(
            [*OSTEON, *words, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            cwd=ROOT,
        )

    def studies(self) -> list[dict[str, Any]]:
        """`osteon studies --json`."""
        done = self.command("studies", "--json")
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    def revisions(self) -> tuple[Revision, ...]:
        """What the analyser's ledger says, without a command."""
        with suppress(Exception):
            ledger = WorkLedger(self.state / "analyse" / "work.db", read_only=True)
            try:
                return ledger.revisions()
            finally:
                ledger.close()
        return ()

    def ended(self, count: int, seconds: float = 120) -> tuple[Revision, ...]:
        """Wait until this many revisions have an outcome, and none is under way."""

        def all_ended() -> bool:
            found = self.revisions()
            return len(found) >= count and all(each.outcome for each in found)

        wait_until(all_ended, seconds)
        return self.revisions()


def wait_until(ready: Callable[[], bool], seconds: float) -> None:
    """Poll; TimeoutError after that many seconds."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.05)


def child_of(role: int, module: str) -> int | None:
    """The one child of a role's process that runs this module; None while there is none."""
    tasks = Path(f"/proc/{role}/task").glob("*/children")
    children = [int(each) for task in tasks for each in task.read_text().split()]
    found = [each for each in children if module.encode() in _command_line(each)]
    if len(found) > 1:
        raise RuntimeError(f"{len(found)} children run {module}")
    return found[0] if found else None


def _command_line(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:  # it has just ended
        return b""


def site_yaml(folder: Path, port: int, around: Surroundings, changes: dict[str, Any]) -> str:
    """A site YAML for these surroundings; `changes` replaces whole top-level sections."""
    step: dict[str, Any] = {"email": ["night@hospital.example"]}
    content: dict[str, Any] = {
        "site": {"name": "Simulated Hospital", "language": "en", "time_zone": "Etc/UTC"},
        "state_folder": str(folder / "state"),
        "master_key_file": str(folder / "master.key"),
        "device_key_file": str(folder / "device.key"),
        "dicom": {
            "ae_title": AE_TITLE,
            "address": "127.0.0.1",
            "port": port,
            "modalities": [{"ae_title": title, "address": "127.0.0.1"} for title in MODALITIES],
            "limits": {"keep_free_mib": 16},  # for small disks of tests
        },
        "completeness": {"quiet_seconds": 2.0},
        "packs": {"folder": str(ROOT / "models")},
        "mail": {
            "host": "localhost",
            "port": around.mail.port,
            "security": around.mail.security.value,
            "sender": "osteon@hospital.example",
            "ca_file": str(around.mail.ca_file),
        },
        "alerts": {
            "unacknowledged_after_minutes": 10.0,
            "steps": [step, {"email": ["chief@hospital.example"]}],
            "technician": {"email": ["it@hospital.example"]},
        },
    }
    if around.printer_uri is not None:
        content["printers"] = [{"name": "night-desk", "uri": around.printer_uri}]
        step["printers"] = ["night-desk"]
    if around.pacs is not None:
        title, pacs_port = around.pacs
        content["pacs"] = [
            {"name": "main", "ae_title": title, "host": "127.0.0.1", "port": pacs_port}
        ]
    content.update(changes)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def prepared(folder: Path, around: Surroundings, **changes: Any) -> Box:
    """A configured box that has not been started."""
    port = free_port()
    config = folder / "site.yaml"
    config.write_text(site_yaml(folder, port, around, changes), encoding="utf-8")
    MasterKey.create(folder / "master.key")
    device_key(folder / "device.key")
    return Box(folder, config, port)


def device_key(place: Path) -> None:
    """A device's private key, as first boot makes one."""
    key = ec.generate_private_key(ec.SECP256R1())
    place.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    place.chmod(0o600)


@contextmanager
def running_box(folder: Path, around: Surroundings, **changes: Any) -> Iterator[Box]:
    """A box that runs until the end, whatever happens."""
    box = prepared(folder, around, **changes)
    try:
        box.start()
        yield box
    finally:
        assert box.process is not None
        if box.process.poll() is None:
            box.process.send_signal(signal.SIGTERM)
            try:
                box.process.wait(40)
            except subprocess.TimeoutExpired:
                box.process.kill()
                box.process.wait()
