"""A whole small hospital round one box: modalities, PACS, mail server and printer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from appliance.config.load import load_site
from appliance.daemon.deliver_role import policy
from appliance.ledger.delivery import DeliveryLedger, Progress
from appliance.ledger.work import Revision, WorkLedger
from appliance.pipeline.deliver.schedule import Attempt, Policy, decide
from appliance.sealing import MasterKey
from tests.simulators import spot_pack
from tests.simulators.box import Box, Surroundings, running_box, wait_until
from tests.simulators.mail import MailServer, mail_server
from tests.simulators.modality import dcmtk, save
from tests.simulators.pacs import Orthanc, orthanc
from tests.simulators.printer import Printer, ipp_printer


@dataclass
class Hospital:
    """Everything that a flow test needs to send a study and see what became of it."""

    folder: Path
    box: Box
    mail: MailServer
    printer: Printer
    pacs: Orthanc
    sent: int = 0

    def send(self, *images: Dataset, calling: str = "DR1") -> str:
        """Store images in one association; returns the case code of the first one's study."""
        self.sent += 1
        files = save(images, self.folder / "sent" / str(self.sent))
        done = dcmtk("storescu", self.box.port, *files, calling=calling)
        assert done.returncode == 0, done.stderr
        return self.case(images[0])

    def case(self, image: Dataset) -> str:
        """The case code of a study."""
        master = MasterKey.load(self.box.folder / "master.key")
        return master.case_code(master.study_key(image.StudyInstanceUID))

    def ended(self, case: str, revision: int = 1, seconds: float = 60) -> Revision:
        """Wait until that revision of a case has an outcome."""

        def found() -> Revision | None:
            of_case = [each for each in self.box.revisions() if each.case == case]
            return next((each for each in of_case if each.revision == revision), None)

        def has_outcome() -> bool:
            revision_now = found()
            return revision_now is not None and revision_now.outcome is not None

        wait_until(has_outcome, seconds)
        ended = found()
        assert ended is not None
        return ended

    def delivered(self, case: str, seconds: float = 60) -> None:
        """Wait until everything that was posted about a case has reached everybody at once due."""
        told = policy(load_site(self.box.config))

        def all_sent() -> bool:
            delivery = DeliveryLedger(self.box.state / "deliver" / "delivery.db", read_only=True)
            work = WorkLedger(self.box.state / "analyse" / "work.db", read_only=True)
            try:
                progress = delivery.of_case(case)  # type: ignore[arg-type]
                study = work.of_case(case)[-1].study  # type: ignore[arg-type]
                return len(progress) == len(work.outbox_of(study)) and all(
                    all(one.state == "sent" for one in each.deliveries)
                    and (each.ending or not _is_due(each, told))
                    for each in progress
                )
            finally:
                delivery.close()
                work.close()

        wait_until(all_sent, seconds)

    def mails_about(self, case: str) -> list[str]:
        """Subject and body of every mail about a case."""
        return [
            f"{mail['Subject']}\n{mail.get_content()}"
            for mail in self.mail.messages
            if case in str(mail["Subject"])
        ]

    def results_of(self, image: Dataset) -> list[dict[str, str]]:
        """Our own objects that the PACS has for a study."""
        uid = image.StudyInstanceUID
        return [tags for tags in self.pacs.instances() if tags.get("StudyInstanceUID") == uid]


def _is_due(progress: Progress, told: Policy) -> bool:
    """Whether somebody is to be told now who was not tried yet."""
    return any(isinstance(do, Attempt) for do in decide(progress, told, progress.since))


@contextmanager
def hospital(folder: Path, box_folder: Path | None = None, **changes: Any) -> Iterator[Hospital]:
    """Start all of it; `changes` replace sections of the site YAML.

    box_folder: where the box keeps everything, such as a disk of its own; else below `folder`.
    """
    with ExitStack() as stack:
        packs = spot_pack.write(folder / "packs")
        (folder / "pacs").mkdir()
        home = box_folder or folder / "box"
        home.mkdir(exist_ok=True)
        mail = stack.enter_context(mail_server(folder))
        # A folder of its own: the printer's socket needs a short path.
        short = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="op")))
        printer = stack.enter_context(ipp_printer(short))
        pacs = stack.enter_context(orthanc(folder / "pacs"))
        around = Surroundings(mail, printer.uri, (pacs.ae_title, pacs.dicom_port))
        changes = {"packs": {"folder": str(packs)}, **changes}
        box = stack.enter_context(running_box(home, around, **changes))
        yield Hospital(folder, box, mail, printer, pacs)


def every_byte_below(folder: Path, needles: Sequence[bytes]) -> list[tuple[Path, bytes]]:
    """Files below a folder that hold one of the needles."""
    found = []
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            found += [(file, needle) for needle in needles if needle in content]
    return found
