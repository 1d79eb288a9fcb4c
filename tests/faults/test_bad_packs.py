"""Packs that are signed, pass their own golden cases, and are bad: none of them is ever committed.

Real children, real films; only the loop round them and the ledgers are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.audit.events import AuditEvent
from appliance.clock import SystemClock
from appliance.config.load import parse_site
from appliance.daemon.packs.activation import Activation
from appliance.daemon.packs.loading import Loader, Model
from appliance.daemon.packs.places import PackPlaces, uses
from appliance.daemon.packs.record import ModelRecord
from appliance.daemon.packs.warm import WarmModels
from appliance.daemon.reading import detections_of
from appliance.daemon.trial.jobs import ReadStudy, answer_of
from appliance.daemon.trial.trials import Trials, TrialTerms
from appliance.domain import Job, Study
from appliance.errors import AnalysisError, Notice
from appliance.inference.host import InferenceHost
from appliance.ledger.models import ModelStates
from appliance.pipeline.alert import DEFAULT_TABLE
from appliance.pipeline.decode import DecodeLimits
from appliance.update import slots
from appliance.update.judge import Proof
from appliance.update.slots import PackRef, Slot, Source
from appliance.update.states import UpdateState
from tests.simulators import spot_pack, twisted_packs
from tests.simulators.box import Surroundings, site_yaml
from tests.simulators.decoding import Spool, job_of
from tests.simulators.mail import MailServer, mail_server
from tests.simulators.spot_pack import SOUND, Twist
from tests.simulators.update_unit import UpdateUnit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NAME = spot_pack.NAME
URGENT = (120, 90)
DEADLINE_S = 10.0


def may_read(_: Model) -> None:
    """This site lets every model read."""


class Bench:
    """A box's packs and their trials, with as many studies as are asked for."""

    def __init__(self, folder: Path, mail: MailServer, stack: ExitStack) -> None:
        use = [{"name": NAME, "runtime": "onnxruntime", "device": "cpu"}]
        packs = {"folder": str(spot_pack.write(folder / "packs")), "use": use}
        text = site_yaml(folder, 104, Surroundings(mail), {"packs": packs})
        site = parse_site(text.encode(), "site.yaml")
        clock = SystemClock()
        analyse = folder / "state" / "analyse"
        analyse.mkdir(parents=True)
        self.unit = UpdateUnit(folder / "state")
        self.told: list[Notice] = []
        self.recorded: list[AuditEvent] = []
        self.activation = Activation(analyse, clock, self.told.append, self.recorded.append)
        self.places = PackPlaces.of(site)
        states = ModelStates(analyse / "work.db")
        stack.callback(states.close)
        loader = Loader(self.activation, clock)
        models = WarmModels(self.activation, loader, ModelRecord(states, clock))
        stack.callback(models.close)
        self.model = models.of(site).models[NAME]
        terms = TrialTerms(
            proof=Proof(shadow_studies=12, shadow_hours=1.0, probation_studies=12),
            table=DEFAULT_TABLE,
            limits=DecodeLimits(),
            deadline_s=DEADLINE_S,
            may_read=may_read,
        )
        self.trials = stack.enter_context(
            Trials(
                activation=self.activation,
                models=models,
                uses={each.name: each for each in uses(site)},
                places=self.places,
                terms=terms,
                clock=clock,
            )
        )
        self._spool = Spool()
        stack.callback(self._spool.decoder.close)
        self._films = 0
        self.activation.put(NAME, slots.proved(self.slot, 1.0))

    @property
    def slot(self) -> Slot:
        found = self.activation.of(NAME)
        assert found is not None
        return found

    def offer(
        self, version: str, twist: Twist = SOUND, *, admitted: bool = True, is_lying: bool = False
    ) -> PackRef:
        """In the store, and staged; admitted: as far as the shadow."""
        offer = self.unit.offer(version, twist, is_lying=is_lying)
        ref = PackRef(version, offer.digest, 1, Source.STORE)
        slot = slots.offered(self.slot, ref, 2.0)
        if admitted:
            slot = slots.begun(slots.admitted(slot, 3.0), time.time())
        # A pause that another test brought about is not this pack's.
        self.trials._names[NAME].not_before = float("-inf")
        self.activation.put(NAME, slot)
        return ref

    def goes_on(self, is_over: Callable[[], bool], seconds: float = 300.0) -> None:
        """The analyser's loop, with no study there."""
        end = time.monotonic() + seconds
        while not is_over():
            assert time.monotonic() < end
            self.trials.step()
            self.trials.idle()
            time.sleep(0.01)

    def study(self, *spots: tuple[int, int]) -> tuple[Study, tuple[Job, ...]]:
        self._films += 1
        study = self._spool.study([twisted_packs.film(self._films, *spots)])
        (facts,) = study.series[0].instances
        job = job_of(facts)
        return study, (Job(NAME, job.series_uid, job.spooled_ids, None, None),)

    def read(self, model: Model, *spots: tuple[int, int]) -> None:
        """A study is read and told; then the trial may have it too."""
        study, jobs = self.study(*spots)
        (facts,) = study.series[0].instances
        image = self._spool.decoder.film(jobs[0], {facts.spooled_id: facts})
        items, execution = model.host.read(image, DEADLINE_S)
        found = [detections_of(study, jobs[0], model, items, execution)]
        peer = answer_of(found, model.point, DEFAULT_TABLE)
        self.trials.live(NAME, model, ReadStudy(study, jobs, self._spool._open, peer))

    def in_shadow(self, most: int) -> str:
        """Read studies until the candidate is rejected; returns why. At most so many count."""
        for number in range(5 * most):
            assert self.slot.trial.studies < most
            self.read(self.model, *((URGENT,) if number % 4 == 3 else ()))
            self.shadow_is_done()
            if self.slot.state is not UpdateState.SHADOW:
                break
        assert self.slot.setback is not None
        return self.slot.setback.reason

    def shadow_is_done(self) -> None:
        """What waits has been read, or left out where a busy machine did not decode it in time."""
        waiting = self.trials._names[NAME].waiting
        self.goes_on(lambda: not waiting and not self.trials._background.is_busy())


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        mail = stack.enter_context(mail_server(tmp_path_factory.mktemp("mail")))
        yield Bench(tmp_path_factory.mktemp("bench"), mail, stack)


@pytest.mark.parametrize(
    ("twist", "most", "reason"),
    [
        (twisted_packs.crashing(), 1, "inference-crashed"),
        (twisted_packs.hanging(), 1, "inference-timeout"),
        (twisted_packs.hungry(), 1, "inference-memory"),
        (twisted_packs.not_a_number(), 1, "network-answer-invalid"),
        (twisted_packs.constant(), 5, "answer-constant"),
        (twisted_packs.alarmist(), 14, "alert-rate-higher"),
    ],
    ids=["crashes", "hangs", "eats-memory", "not-a-number", "constant", "alerts-on-everything"],
)
def test_a_bad_pack_is_rejected_in_shadow_and_never_alerts(
    bench: Bench, twist: Twist, most: int, reason: str, request: pytest.FixtureRequest
) -> None:
    number = sum(map(ord, request.node.callspec.id))
    ref = bench.offer(f"0.2.{number}.1", twist)
    told = len(bench.told)
    assert bench.in_shadow(most) == reason
    slot = bench.slot
    assert (slot.state, slot.candidate) == (UpdateState.REVERTED, None)
    assert slot.active is not None
    assert slot.active.version == "0.1.0.1"
    assert slot.denied[ref.digest] == reason
    assert [each.code for each in bench.told[told:]] == ["model-taken-back"]


def test_admission_runs_the_golden_cases_here_on_every_runtime(bench: Bench) -> None:
    bench.offer("0.7.0.1", admitted=False)
    bench.goes_on(lambda: bench.slot.state is not UpdateState.STAGED)
    # The next step follows at once where there is nothing else to do.
    assert bench.slot.state in {UpdateState.ADMITTED, UpdateState.SHADOW}
    bench.activation.put(NAME, slots.withdrawn(bench.slot, 4.0))
    lying = bench.offer("0.7.1.1", admitted=False, is_lying=True)
    bench.goes_on(lambda: bench.slot.state is not UpdateState.STAGED)
    assert bench.slot.denied[lying.digest] == "self-test-failed"


def test_a_bad_pack_on_probation_gives_way_at_its_first_fault(bench: Bench) -> None:
    ref = bench.offer("0.8.0.1", twisted_packs.hanging())
    bench.activation.put(NAME, slots.proved(bench.slot, 5.0))
    began = time.monotonic()
    assert bench.trials.gives_way(NAME, AnalysisError("inference-timeout", "10 s"))
    assert time.monotonic() - began < 10.0
    slot = bench.slot
    assert slot.active is not None
    assert (slot.state, slot.active.version) == (UpdateState.REVERTED, "0.1.0.1")
    assert slot.denied[ref.digest] == "inference-timeout"
    # What may be the study's own fault takes nothing back, and nothing is kept to go back to.
    assert not bench.trials.gives_way(NAME, AnalysisError("thorax-not-recognised"))
    assert not bench.trials.gives_way(NAME, AnalysisError("inference-timeout"))


def test_a_trial_ends_at_once_when_a_study_needs_the_machine_and_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.offer("0.9.0.1")
    bench.read(bench.model)
    bench.trials.idle()
    assert bench.slot.tries == 2, "counted before the load"
    bench.trials.give_way()
    bench.shadow_is_done()
    assert bench.slot.state is UpdateState.SHADOW
    assert bench.slot.tries == 3
    # Without room in memory it is not begun at all: the active pack needs it more.
    monkeypatch.setattr("appliance.daemon.trial.trials.available_mib", lambda: 100)
    bench.trials._let_go(bench.trials._names[NAME])
    bench.read(bench.model)
    bench.trials.idle()
    assert not bench.trials._background.is_busy()
    bench.activation.put(NAME, slots.withdrawn(bench.slot, 6.0))


def test_a_child_on_trial_has_the_lowest_priority(bench: Bench) -> None:
    bench.offer("0.9.1.1")
    bench.read(bench.model)
    bench.shadow_is_done()
    candidate = bench.trials._names[NAME].candidate
    assert candidate is not None
    assert isinstance(candidate.host, InferenceHost)
    assert candidate.host.pid is not None
    for thread in Path(f"/proc/{candidate.host.pid}/task").iterdir():
        nice = int((thread / "stat").read_text().rpartition(")")[2].split()[16])
        assert nice == 19
