"""The maker, a web server, and a running box whose image holds that maker's root of trust."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from appliance.inference.package import MANIFEST
from appliance.signing import DeviceSigner
from appliance.update.slots import Slot
from appliance.update.slots_file import SLOTS, read_slots
from tests.demo_update import cast
from tests.simulators.box import Box, Surroundings, running_box, wait_until
from tests.simulators.mail import MailServer, mail_server
from tests.simulators.maker import Maker
from tests.simulators.modality import dcmtk, save
from tests.simulators.status_desk import StatusDesk, status_desk
from tests.simulators.web_server import Nginx, nginx

APPLIANCE = Path(__file__).parents[2] / "appliance"
NIGHT, TECHNICIAN = "night@hospital.example", "it@hospital.example"
_PATIENCE_S, _MAIL_S = 120.0, 30.0
BATCH = 4
_BROKEN_EVERY = 4
SHADOW_STUDIES, PROBATION_STUDIES = 16, 6
"""Fewer than a hospital would ask for, but enough to tell that three of four studies differ."""


@dataclass
class Stage:
    """Everything that plays a part. `sent`: films so far, every fourth of a broken leg."""

    folder: Path
    maker: Maker
    web: Nginx
    desk: StatusDesk
    mail: MailServer
    device: ec.EllipticCurvePrivateKey
    boxes: list[Box] = field(default_factory=list)
    sent: int = 0

    @property
    def box(self) -> Box:
        return self.boxes[0]

    @property
    def slot(self) -> Slot | None:
        """What the box has decided about its pack; None before it has."""
        return read_slots(self.box.state / "analyse" / SLOTS).get(cast.NAME)

    @property
    def broken(self) -> int:
        """How many of the films sent have to alert."""
        return -(-self.sent // _BROKEN_EVERY)

    def alerts(self) -> int:
        """Mails to the doctor on duty; waits for as many as there have to be."""

        def count() -> int:
            return sum(NIGHT in mail["To"] for mail in self.mail.messages)

        with suppress(TimeoutError):
            wait_until(lambda: count() >= self.broken, _MAIL_S)
        return count()

    def technician_is_told(self, part: str) -> list[str]:
        """The mails to the technician that hold this; waits for the first one."""

        def found() -> list[str]:
            texts = [
                f"{mail['Subject']}\n\n{mail.get_content()}"
                for mail in self.mail.messages
                if TECHNICIAN in mail["To"]
            ]
            return [text for text in texts if part in text]

        with suppress(TimeoutError):
            wait_until(lambda: bool(found()), _MAIL_S)
        return found()

    def send_films(self) -> None:
        """A few patients more, over one association; waits until each study has its outcome."""
        films = [
            cast.film(number, broken=number % _BROKEN_EVERY == 0)
            for number in range(self.sent, self.sent + BATCH)
        ]
        files = save(films, self.folder / "films" / str(self.sent))
        done = dcmtk("storescu", self.box.port, *files, calling="DR1")
        assert done.returncode == 0, done.stderr
        self.sent += BATCH
        self.box.ended(self.sent, _PATIENCE_S)

    def update(self) -> None:
        """What `osteon-update.timer` does every few hours."""
        self._order("update", "apply")

    def roll_back(self) -> str:
        """A technician takes the model back; what the command says."""
        return self._order("update", "rollback", "--reason", "two false alerts last night")

    def begin_floor(self) -> None:
        """What a first boot does, together with the device's key."""
        self._order(
            "update", "reset-floor", "--by", "the demo", "--reason", "in place of first boot"
        )

    def _order(self, *words: str) -> str:
        done = self.box.command(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def release(self, pack: cast.Version) -> None:
        """Build, signatures of two people in turn, rollout to every box, publish."""
        self.maker.release(pack.write(self.folder / "training" / pack.version))
        self.maker.run("rollout", "start", cast.NAME, pack.version)
        self.maker.run("publish", self.folder / "www")

    def fleet(self) -> str:
        """The maker's table."""
        keys = self.folder / "keys"
        keys.mkdir(exist_ok=True)
        (keys / "county-north.pem").write_bytes(DeviceSigner(self.device).public_pem)
        return self.maker.run("fleet", self.desk.folder, "--devices", keys)

    def faults(self) -> Iterator[str]:
        """What is wrong with the box after all."""
        if (alerts := self.alerts()) != self.broken:
            yield f"{alerts} alerts for {self.broken} broken legs"
        if any(b"Demonstration" in raw for raw in self.mail.raw):
            yield "a patient's name stands in a mail"
        if "Demonstration" in self.box.log:
            yield "a patient's name stands in the journal"
        if any(b"Demonstration" in file.read_bytes() for file in self.desk.folder.iterdir()):
            yield "a patient's name stands in a status"


def open_stage(stack: ExitStack, folder: Path) -> Stage:
    """Hold the ceremony, build the box's image, start everything; the stack ends it."""
    for name in ("maker", "mail", "box"):
        (folder / name).mkdir()
    maker = Maker.founded(folder / "maker")
    factory = _factory_pack(maker, folder)
    maker.run("publish", folder / "www")
    stack.enter_context(_image(folder / "image", maker))
    stage = Stage(
        folder,
        maker,
        stack.enter_context(nginx(folder / "www", folder / "nginx")),
        stack.enter_context(status_desk(folder / "desk")),
        stack.enter_context(mail_server(folder / "mail")),
        ec.generate_private_key(ec.SECP256R1()),
    )
    stage.boxes.append(_box(stack, stage, factory))
    stage.begin_floor()
    return stage


def _factory_pack(maker: Maker, folder: Path) -> Path:
    """The packs' folder of a new box: the first pack, signed by the maker's people."""
    home = cast.first().write(folder / "factory")
    maker.release(home)
    (signed,) = (maker.workspace.folder / "repository/targets").rglob(f"*.{MANIFEST}")
    shutil.copy(signed, home / MANIFEST)
    return home.parent


@contextmanager
def _image(folder: Path, maker: Maker) -> Iterator[None]:
    """The program as it goes into a box's image: with the root and targets of this maker."""
    shutil.copytree(APPLIANCE, folder / "appliance", ignore=shutil.ignore_patterns("__pycache__"))
    metadata = maker.workspace.folder / "repository/metadata"
    for name in ("root", "targets"):
        place = folder / "appliance/inference/trust" / f"{name}.json"
        shutil.copy(metadata / f"1.{name}.json", place)
    os.environ["PYTHONPATH"] = str(folder)
    os.environ["TPM2TOOLS_TCTI"] = "swtpm:path=/nowhere"  # not that of the machine it is shown on
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"], os.environ["TPM2TOOLS_TCTI"]


def _box(stack: ExitStack, stage: Stage, factory: Path) -> Box:
    key = stage.folder / "device.key"
    key.touch(0o600)
    key.write_bytes(stage.device.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    authorities = stage.folder / "authorities.pem"
    authorities.write_bytes(stage.web.ca_file.read_bytes() + stage.desk.ca_file.read_bytes())
    return stack.enter_context(
        running_box(
            stage.folder / "box",
            Surroundings(stage.mail),
            packs={"folder": str(factory)},
            device_key_file=str(key),
            completeness={"quiet_seconds": 1.0},
            update={
                "url": stage.web.url,
                "ca_file": str(authorities),
                "status_url": stage.desk.url,
                "shadow_studies": SHADOW_STUDIES,
                "probation_studies": PROBATION_STUDIES,
            },
        )
    )
