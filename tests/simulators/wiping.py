"""A box that is full and may be wiped: real ledgers, sealed studies, an identity, a site YAML."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from appliance.cli import osteon as osteon_group
from appliance.cli.wipe_plan import Box, gather_plan
from appliance.config.example import example_yaml
from appliance.config.load import load_site
from appliance.domain import StudyKey
from appliance.errors import OsteonError, StorageError
from appliance.ledger.delivery import DeliveryLedger
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import WorkLedger
from appliance.provision.identity import ensure_identity
from appliance.provision.keyseal import PlainSeal
from appliance.sealing import MasterKey
from appliance.storage import BlobStore
from appliance.wipe.facts import box_serial
from appliance.wipe.journal import Authority, Intent, Journal
from appliance.wipe.programs import SystemPrograms
from tests.simulators.box import OSTEON, ROOT, device_key

CANARY = b"CANARY^%06d"
PASSPHRASE = b"a passphrase of the test"
MADE_AT = 1_780_000_000.0


@dataclass(frozen=True)
class WipeBox:
    """A box below `folder`; `journal` lies beside it, as it would beside an encrypted volume."""

    folder: Path
    journal: Path
    device_id: str

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    @property
    def config(self) -> Path:
        """The site YAML."""
        return self.folder / "site.yaml"

    @property
    def key(self) -> Path:
        """The master key."""
        return self.folder / "master.key"

    @property
    def identity(self) -> Path:
        """The identity's folder."""
        return self.folder / "identity"

    @property
    def serial(self) -> str:
        """What is typed: that of the machine which runs the tests, if it has one."""
        label = Path("/sys/class/dmi/id/product_serial")
        return box_serial(label.read_text() if label.exists() else "", self.device_id)

    def wipe(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """`osteon wipe` with this box's places, as a process of its own."""
        command = [*OSTEON, "wipe", *self._places, *words]
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
            cwd=ROOT,
        )

    def ask(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """The same in this process, which is quicker: for what begins no wipe."""
        return osteon("wipe", *self._places, *words)

    @property
    def _places(self) -> tuple[str | Path, ...]:
        return ("--config", self.config, "--identity", self.identity, "--journal", self.journal)

    def certificate(self) -> Path:
        """The signed certificate of a wipe that has ended."""
        found = [
            file
            for file in self.journal.glob("osteon-wipe-*.json")
            if not file.name.endswith("-statement.json")
        ]
        assert len(found) == 1, found
        return found[0]


def osteon(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of `osteon` in this process, up to what `main` does with an error."""
    arguments = list(map(str, words))
    runner = CliRunner(env={"COLUMNS": "80"})
    result = runner.invoke(osteon_group, arguments, standalone_mode=False)
    if result.exception is None:
        return subprocess.CompletedProcess(arguments, 0, result.stdout, result.stderr)
    assert isinstance(result.exception, OsteonError), result.exc_info
    return subprocess.CompletedProcess(arguments, 1, result.stdout, result.exception.code)


def filled_box(folder: Path, studies: int = 3, images: int = 2, size: int = 20_000) -> WipeBox:
    """Make one. Each image holds canaries, sealed; some lie in clear in files that go too."""
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state"
    for unit in ("receive", "analyse", "deliver"):
        (state / unit).mkdir(parents=True)
    MasterKey.create(folder / "master.key")
    write_site(folder)
    identity, _ = ensure_identity(folder / "identity", (PlainSeal(),), MADE_AT)
    WorkLedger(state / "analyse" / "work.db").close()
    DeliveryLedger(state / "deliver" / "delivery.db").close()
    IntakeLedger(state / "receive" / "intake.db").close()
    BlobStore(state / "analyse" / "results")
    _fill(state / "receive", MasterKey.load(folder / "master.key"), studies, images, size)
    (state / "analyse" / "notes.txt").write_bytes(b"".join(CANARY % i for i in range(200)))
    return WipeBox(folder, folder.parent / "osteon-wipe", identity.device_id)


def begun(box: WipeBox, *volumes: str) -> Intent:
    """The point of no return is behind this box."""
    site = Box(box.config, load_site(box.config), box.identity, box.journal)
    plan = gather_plan(site, volumes, (), SystemPrograms())
    intent = Intent("0123abcd", 1_780_000_000.0, Authority("console", "Li Wei"), plan)
    journal = Journal(box.journal)
    with journal.locked():
        journal.begin(intent)
    return intent


def write_site(folder: Path, **changes: Any) -> None:
    """The site YAML of a box below a folder."""
    content = yaml.safe_load(example_yaml())
    content |= {
        "state_folder": str(folder / "state"),
        "master_key_file": str(folder / "master.key"),
        "device_key_file": str(folder / "device.key"),
        "printers": [],
        **changes,
    }
    device_key(folder / "device.key")
    password = folder / "mail-password"
    password.write_text("secret\n")
    password.chmod(0o600)
    content["mail"]["password_file"] = str(password)
    for step in content["alerts"]["steps"]:
        step.pop("printers", None)
    (folder / "site.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))


def _fill(receive: Path, master: MasterKey, studies: int, images: int, size: int) -> None:
    """Sealed blobs as the receiver keeps them, and the wrapped keysets in its ledger."""
    BlobStore(receive / "spool")
    rows = []
    for number in range(studies):
        study = master.study_key(f"1.2.{number}")
        wrapped = master.new_keyset(study)
        seal = master.open_keyset(study, wrapped)
        rows.append((study, wrapped, MADE_AT))
        for image in range(images):
            name = os.urandom(16).hex()
            content = (CANARY % (number * images + image)).ljust(size, b".")
            with seal.writer((receive / "spool" / name[0] / name).open("wb")) as stream:
                stream.write(content)
    database = sqlite3.connect(receive / "intake.db")
    with database:
        database.executemany(
            "INSERT INTO studies (study_key, wrapped_keyset, created_at) VALUES (?, ?, ?)", rows
        )
    database.close()


def opens(state: Path, master: MasterKey) -> bool:
    """Whether studies of a state folder, such as an old backup of it, open with a master key."""
    database = sqlite3.connect(state / "receive" / "intake.db")
    try:
        (study, wrapped), *_ = database.execute("SELECT study_key, wrapped_keyset FROM studies")
        master.open_keyset(StudyKey(study), wrapped)
    except StorageError:
        return False
    finally:
        database.close()
    return True


def opens_with_any(state: Path, place: Path) -> list[str]:
    """The files below a place that open a state folder when taken for its master key."""
    found = []
    for file in sorted(place.rglob("*")):
        with contextlib.suppress(StorageError, IsADirectoryError):
            if opens(state, MasterKey.load(file)):
                found.append(file.name)
    return found


def canaries_in(medium: Path) -> int:
    """How many canaries a raw medium holds."""
    return medium.read_bytes().count(CANARY.partition(b"%")[0])


@contextlib.contextmanager
def attached(medium: Path, *, is_read_only: bool = False) -> Iterator[str]:
    """A file as a block device."""
    mode = ["--read-only"] if is_read_only else []
    command = ["losetup", "--find", "--show", *mode, medium]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def encrypted_disk(folder: Path, content: Path, mib: int = 64) -> Path:
    """A LUKS2 medium whose ext4 holds a folder's content, as the data partition of the image has.

    Encrypted in place by cryptsetup, which needs no device mapper for that.
    """
    medium = folder / "medium"
    with medium.open("wb") as file:
        file.truncate(mib << 20)
    ext4 = ["mke2fs", "-q", "-t", "ext4", "-d", content, medium, f"{mib - 32}M"]
    subprocess.run(ext4, check=True)
    subprocess.run(
        [
            *("cryptsetup", "reencrypt", "--encrypt", "--type", "luks2", "--batch-mode"),
            *("--reduce-device-size", "32M", "--pbkdf", "pbkdf2"),
            *("--pbkdf-force-iterations", "1000", "--key-file", "-", medium),
        ],
        input=PASSPHRASE,
        check=True,
        capture_output=True,
    )
    return medium


def opens_with_passphrase(medium: str | Path) -> bool:
    """Whether a LUKS volume still opens."""
    command = ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", medium]
    return (
        subprocess.run(command, input=PASSPHRASE, check=False, capture_output=True).returncode == 0
    )


def decrypted(medium: Path, after: Path) -> Path:
    """A copy of a LUKS medium, decrypted in place: what somebody who has a key can read."""
    shutil.copy(medium, after)
    header = after.with_suffix(".header")
    header.unlink(missing_ok=True)
    command = ["cryptsetup", "reencrypt", "--decrypt", "--batch-mode", "--header", header]
    command.append("--force-offline-reencrypt")  # a file cannot be in use
    subprocess.run(
        [*command, "--key-file", "-", after], input=PASSPHRASE, check=True, capture_output=True
    )
    return after
