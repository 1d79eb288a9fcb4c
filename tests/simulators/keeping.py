"""A box whose studies come, end and go: real ledgers, sealed files and a real receiver.

The analyser's and the deliverer's hands are played by the test; its clock is set by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydicom.dataset import Dataset

from appliance.config.receiving import Dicom, ListenerLimits
from appliance.config.retention import Retention
from appliance.config.schema import Site
from appliance.daemon.forgetting import DeliveryForgetting, WorkForgetting, sweep
from appliance.daemon.keeping import Keeper, present_plan
from appliance.daemon.state import StateFolder
from appliance.domain import InstanceKey, MessageKind, Outcome, Study, StudyKey
from appliance.ledger.delivery import (
    Delivery,
    DeliveryLedger,
    DeliveryState,
    Destination,
    Moment,
    Progress,
)
from appliance.ledger.work import Ending, NewMessage, WorkLedger
from appliance.loops import Loops
from appliance.retention.lived_time import LivedTime
from appliance.retention.plan import Plan
from appliance.sealing import StudySeal
from appliance.storage import BlobStore
from tests.simulators.alerting import SUMMARY
from tests.simulators.clock import ManualClock
from tests.simulators.modality import send
from tests.simulators.receiving import RunningReceiver, running_receiver

DAY = 86_400.0
MAIL = Destination("mail", "night@hospital.example")
PAGE = b"%PDF CANARY^PAGE"
SUMMARY_CANARY = "CANARY-SITE"
EVENT_CANARY = "CANARY-EVENT"


def site(limits: ListenerLimits | None = None, **retention: int) -> Site:
    """What keeping asks of a site YAML."""
    limits = limits or ListenerLimits(keep_free_mib=16)
    return Site.model_construct(
        retention=Retention(**retention), dicom=Dicom.model_construct(limits=limits)
    )


@dataclass
class KeptBox:
    """One box. `look` is one turn of all that lets studies go."""

    state: StateFolder
    receiver: RunningReceiver
    work: WorkLedger
    delivery: DeliveryLedger
    results: BlobStore
    clock: ManualClock
    site: Site = field(default_factory=site)

    def receive(self, *images: Dataset) -> StudyKey:
        """Store a study's images; returns its name."""
        assert set(send(self.receiver.port, images)) == {0}
        return self.receiver.master.study_key(images[0].StudyInstanceUID)

    def report(self, study: StudyKey, *kinds: MessageKind) -> tuple[int, ...]:
        """The analyser takes the study up and ends it; returns the numbers of what it posted."""
        case = self.receiver.master.case_code(study)
        with self.receiver.ledger() as intake:
            wrapped = intake.wrapped_keyset(study)
            through = intake.instances(study)[-1].id
        assert wrapped is not None
        seal = self.receiver.master.open_keyset(study, wrapped)
        revision = self.work.open_revision(study, case, through, self.clock.now())
        self.work.advance(
            revision, Study(study, revision.revision, (), ()), seal, 0.0, {"place": EVENT_CANARY}
        )
        # The stages between are of no matter here.
        self.work._database.execute(
            "UPDATE revisions SET state = 'analysed' WHERE study = ? AND revision = ?",
            (study, revision.revision),
        )
        found = self.work.revision(study, revision.revision)
        assert found is not None
        summary = replace(SUMMARY, site=SUMMARY_CANARY, revision=revision.revision)
        messages = tuple(
            NewMessage(kind, replace(summary, kind=kind), (self._page(seal),)) for kind in kinds
        )
        ending = Ending(
            Outcome.ALERT if kinds else Outcome.BELOW_THRESHOLD,
            None,
            messages,
            (InstanceKey(f"own-{study[:8]}-{revision.revision}"),),
        )
        self.work.report(found, ending, self.clock.now())
        return tuple(item.id for item in self.work.outbox_of(study))[-len(kinds) :] if kinds else ()

    def _page(self, seal: StudySeal) -> str:
        blob = self.results.create()
        with seal.writer(blob.file) as stream:
            stream.write(PAGE)
        return blob.commit()

    def take_up(self, *items: int, sent: bool = True) -> None:
        """The deliverer takes messages up and sends them."""
        known = {item.id: item for item in self.work.outbox_after(0)}
        for number in items:
            item = known[number]
            progress = Progress(
                number, item.case, item.revision, item.kind, bool(item.blobs), 0.0, 0, 0.0
            )
            self.delivery.register(progress, Moment(0.0, 0.0), None)
            if sent:
                done = Delivery(MAIL, 0, DeliveryState.SENT, 1, Moment(1.0, 1.0))
                self.delivery.record(number, done)

    def end(self, *items: int, ending: str = "delivered") -> None:
        """Nothing is left to do about these messages."""
        for number in items:
            self.delivery.end(number, ending, Moment(2.0, self.clock.now()))

    def finished(self, *images: Dataset, kinds: tuple[MessageKind, ...] = ()) -> StudyKey:
        """A study that was received, read, told and acknowledged."""
        study = self.receive(*images)
        items = self.report(study, *kinds)
        self.take_up(*items)
        self.end(*items)
        return study

    def keeper(self) -> Keeper:
        """The receiver's part, made anew: as after a start."""
        return Keeper(
            self.state,
            self.site,
            upkeep=self.receiver.receiver.upkeep,
            loop=Loops(self.clock).add("keeper"),
            clock=self.clock,
        )

    def plan(self) -> Plan:
        """What `osteon retention plan` would show."""
        with self.receiver.ledger() as intake:
            now = LivedTime(self.clock, intake.lives.last_time()).now()
            return present_plan(self.state, self.site, intake, now)

    def look(self) -> None:
        """Every unit does its part once, each as if it had just started."""
        with self.receiver.ledger() as intake:
            self.keeper().look(intake, LivedTime(self.clock, intake.lives.last_time()))
        self.forget()

    def forget(self) -> None:
        """The analyser's and the deliverer's part."""
        sweep(self.results, self.work)
        with self.receiver.ledger() as intake:
            WorkForgetting(self.state, intake, self.work, self.results).look()
        DeliveryForgetting(self.state.delivery, self.delivery, self.work).look()

    def pass_days(self, days: float) -> None:
        """The box is on for so many days."""
        self.clock.advance(days * DAY)

    def living(self) -> frozenset[StudyKey]:
        """The studies that can still be opened."""
        with self.receiver.ledger() as intake:
            return intake.lives.living()

    def files(self) -> list[Path]:
        """Every file of a study: images, pages, objects."""
        folders = (self.state.spool, self.state.results)
        return [file for folder in folders for file in folder.rglob("*") if file.is_file()]


@contextmanager
def kept_box(root: Path, **retention: int) -> Iterator[KeptBox]:
    """A box in an empty folder, or one that was used before."""
    state = StateFolder(root)
    for folder in (state.receive, state.analyse, state.deliver):
        folder.mkdir(exist_ok=True, parents=True)
    clock = ManualClock()
    with (
        running_receiver(state.receive, clock=clock) as receiver,
        closing(WorkLedger(state.work)) as work,
        closing(DeliveryLedger(state.delivery)) as delivery,
    ):
        results = BlobStore(state.results)
        yield KeptBox(state, receiver, work, delivery, results, clock, site(**retention))
