"""Packs on trial: what is done with them between studies, and what is counted of them.

Everything that takes time runs beside the loop, in children that are limited to the pack's own
memory and end at once when a study needs the machine. All that is decided, is decided here, on the
analyser's main thread, and goes through `Activation`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from appliance import journal
from appliance.clock import Clock
from appliance.config.schema import PackUse
from appliance.daemon.packs.activation import Activation
from appliance.daemon.packs.loading import Loaded, Model, host_settings, model_of
from appliance.daemon.packs.places import PackPlaces
from appliance.daemon.packs.warm import WarmModels
from appliance.daemon.reading import MayRead
from appliance.daemon.trial.background import Background, Done
from appliance.daemon.trial.jobs import OWN_FAULTS, Admit, ReadStudy, Shadow, WarmUp, answer_of
from appliance.daemon.trial.memory import available_mib
from appliance.domain import Detections
from appliance.errors import AnalysisError, OsteonError, PackError, StorageError
from appliance.inference.admission import LOWEST_PRIORITY, Admitted
from appliance.inference.pack import Pack
from appliance.pipeline.alert import UrgencyTable
from appliance.pipeline.decode import DecodeLimits
from appliance.update import slots
from appliance.update.judge import Fault, Proof, allowed_latency, fault_of, is_proved
from appliance.update.slots import Slot
from appliance.update.states import FULL_TRIES, ON_TRIAL, UpdateState

_PAUSE_SECONDS: Final = 600.0
"""After a failure that is not the pack's."""
_QUEUE: Final = 16
"""Studies that wait to be read in shadow; on a busy day the oldest ones are left out."""
_OWN_ADMISSION_FAULTS: Final = OWN_FAULTS | {"golden-invalid", "reader-image", "reader-parameters"}


@dataclass(frozen=True, slots=True)
class TrialTerms:
    """What the site says about trials and readings.

    may_read: raises AnalysisError for a model that this site does not let read patients.
    """

    proof: Proof
    table: UrgencyTable
    limits: DecodeLimits
    deadline_s: float
    may_read: MayRead


@dataclass(slots=True)
class _Name:
    """What is remembered in memory of one pack name."""

    use: PackUse
    waiting: deque[ReadStudy] = field(default_factory=lambda: deque(maxlen=_QUEUE))
    not_before: float = float("-inf")
    candidate: Model | None = None


class Trials:
    """The trials of all packs, one job at a time. Made anew whenever the analyser is composed."""

    def __init__(  # noqa: PLR0913 - the composition root names each part once
        self,
        *,
        activation: Activation,
        models: WarmModels,
        uses: Mapping[str, PackUse],
        places: PackPlaces,
        terms: TrialTerms,
        clock: Clock,
    ) -> None:
        self._activation = activation
        self._models = models
        self._places = places
        self._terms = terms
        self._clock = clock
        self._names = {name: _Name(use) for name, use in uses.items()}
        self._background = Background()
        self._under_way = ("", "")
        """(pack name, digest) that the job in the background is about."""
        self.has_handed_over = False
        """Whether a candidate has become active, and the stages are to be composed anew."""

    # --- studies ----------------------------------------------------------------------------------

    def live(self, name: str, model: Model, read: ReadStudy) -> None:
        """The active pack has read a study, and its outcome has been told. Raises StorageError."""
        slot = self._activation.of(name)
        if slot is None or slot.active is None or slot.active.digest != model.identity.digest:
            return
        slot = replace(slot, rate=slot.rate.plus(alerted=read.peer.alerted))
        if slot.state is UpdateState.PROBATION:
            slot = slots.steady(replace(slot, trial=slot.trial.plus(read.peer)))
        elif slot.state is UpdateState.SHADOW and name in self._names:
            self._names[name].waiting.append(read)
        self._activation.put(name, slot)
        if slot.state is UpdateState.PROBATION:
            self._judge_probation(name, slot, model)

    def gives_way(self, name: str, error: OsteonError) -> bool:
        """A reading of the active pack failed: whether it has given way to the previous one."""
        if error.code not in OWN_FAULTS or not self._activation.on_probation(name):
            return False
        return self._activation.take_back(name, error.code, error.detail)

    def _judge_probation(self, name: str, slot: Slot, model: Model) -> None:
        fault = fault_of(slot, model.spec.budget.latency_s)
        if fault is not None and not self._activation.take_back(name, *fault):
            # Nothing is kept: it goes on, and has to prove itself from the start.
            journal.warn("pack-unproved", model=name, reason=fault[0])
            self._activation.put(name, replace(slot, trial=type(slot.trial)()))
        elif fault is None and is_proved(slot, self._terms.proof, self._clock.now()):
            self._activation.put(name, slots.proved(slot, self._clock.now()))

    # --- beside the studies -----------------------------------------------------------------------

    def give_way(self) -> None:
        """A study needs the machine."""
        self._background.cut()

    def step(self) -> None:
        """Between two stages: take what was found out. Raises StorageError.

        A candidate that has been made warm waits for `idle`: when it takes over, the stages are
        composed anew, and a study that is just arriving would have to be waited for once more.
        """
        if not isinstance(self._background.job, WarmUp):
            self._take()

    def _take(self) -> None:
        done = self._background.take()
        if done is not None:
            self._finish(done)

    def idle(self) -> None:
        """No study is under way: begin what is next. Raises StorageError."""
        self._take()
        if self.has_handed_over or self._background.is_busy():
            return
        for name, each in self._names.items():
            slot = self._activation.of(name)
            if slot is None or slot.state not in ON_TRIAL:
                each.waiting.clear()  # nobody is left to read them; the next candidate begins anew
            elif self._clock.monotonic() >= each.not_before:
                self._begin(name, each, slot)
                if self._background.is_busy():
                    return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """End whatever runs. In good order that costs no try; after an unforeseen error it does."""
        self._background.close()
        done = self._background.take()
        if done is not None and isinstance(done.job, WarmUp):
            done.job.model.host.close()
        for name, each in self._names.items():
            self._let_go(each)
            slot = self._activation.of(name)
            if kind is None and slot and slot.on_trial:
                self._activation.put(name, slots.steady(slot), regardless=True)

    def _begin(self, name: str, each: _Name, slot: Slot) -> None:
        now = self._clock.now()
        self._under_way = (name, _digest(slot))
        if slot.state is UpdateState.STAGED:
            if self._counted(name, slot):
                self._background.begin(self._admission(name, each, slot))
        elif slot.state is UpdateState.ADMITTED:
            moved = slots.begun(slot, now) if slot.active else slots.needed(slot, now)
            self._activation.put(name, moved)
        elif is_proved(slot, self._terms.proof, now):
            self._begin_warm_up(name, each, slot)
        elif each.waiting:
            self._begin_shadow(name, each, slot)

    def _admission(self, name: str, each: _Name, slot: Slot) -> Admit:
        candidate, places = slot.candidate, self._places
        assert candidate is not None  # noqa: S101 - what STAGED means
        return Admit(lambda: places.open(name, candidate), host_settings(each.use), self._clock)

    def _begin_shadow(self, name: str, each: _Name, slot: Slot) -> None:
        if each.candidate and each.candidate.identity.digest != _digest(slot):
            self._let_go(each)
        model = each.candidate or self._model(name, each, slot, niceness=LOWEST_PRIORITY)
        if model is None or not (model.host.pid or self._counted(name, slot)):
            return
        each.candidate = model
        read = each.waiting.popleft()
        terms = self._terms
        self._background.begin(Shadow(model, read, terms.limits, terms.deadline_s, self._clock))

    def _begin_warm_up(self, name: str, each: _Name, slot: Slot) -> None:
        """The child that served in shadow keeps its low priority for good: another one is made."""
        self._let_go(each)
        model = self._model(name, each, slot)
        if model is None:
            return
        try:
            self._terms.may_read(model)
        except AnalysisError as error:  # in use it would only be refused: the update waits
            self._pause(name, each, error.code)
            return
        if self._counted(name, slot):
            self._background.begin(WarmUp(model))

    def _model(self, name: str, each: _Name, slot: Slot, *, niceness: int = 0) -> Model | None:
        """The candidate, where it can be opened and the machine has room for it."""
        try:
            assert slot.candidate is not None  # noqa: S101 - what being on trial means
            pack = self._places.open(name, slot.candidate)
        except PackError as error:
            self._pause(name, each, error.code)
            return None
        if available_mib() < pack.spec.budget.memory_mib:
            self._pause(name, each, "memory")
            return None
        return model_of(pack, each.use, self._clock, niceness=niceness)

    def _counted(self, name: str, slot: Slot) -> bool:
        """Count the load that is about to begin; False where none was left."""
        if not slot.tries:
            self._activation.reject(name, Fault.TRIES, f"{FULL_TRIES} starts")
            return False
        self._activation.put(name, slots.counted(slot))
        return True

    # --- what came of it --------------------------------------------------------------------------

    def _finish(self, done: Done) -> None:
        name, digest = self._under_way
        each, slot = self._names[name], self._activation.of(name)
        if slot is None or _digest(slot) != digest:
            done = replace(done, was_cut=True)  # it is no longer about what is on trial
        if done.was_cut or done.error:
            if isinstance(done.job, WarmUp):
                done.job.model.host.close()
            if slot and slot.state in ON_TRIAL:
                self._activation.put(name, slots.steady(slot))
            self._failed(name, each, done)
            return
        assert slot is not None  # noqa: S101 - else it counts as cut
        match done.job, done.value:
            case Admit(), (Pack() as pack, Admitted() as admitted):
                self._admitted(name, slot, pack, admitted)
            case Shadow(read=read), tuple(detections):
                self._shadowed(name, each, slot, read, detections)
            case WarmUp(model=model), _:
                self._hand_over(name, each, slot, model)
            case _:
                raise TypeError(type(done.job).__name__)

    def _failed(self, name: str, each: _Name, done: Done) -> None:
        error = done.error
        if done.was_cut or error is None:
            if isinstance(done.job, Shadow):
                each.waiting.append(done.job.read)
            return
        own = _OWN_ADMISSION_FAULTS if isinstance(done.job, Admit) else OWN_FAULTS
        if error.code in own:
            self._reject(name, each, error)
        elif isinstance(done.job, Shadow):
            journal.warn("shadow-left-out", model=name, code=error.code)
        else:
            self._pause(name, each, error.code)

    def _admitted(self, name: str, slot: Slot, pack: Pack, admitted: Admitted) -> None:
        allowed_s = allowed_latency(slot, pack.spec.budget.latency_s)
        if admitted.latency_s > allowed_s:
            figures = f"golden case {admitted.latency_s:.1f} s of {allowed_s:.1f} s"
            self._activation.reject(name, Fault.LATENCY, figures)
            return
        self._activation.put(name, slots.admitted(slot, self._clock.now()))

    def _shadowed(
        self,
        name: str,
        each: _Name,
        slot: Slot,
        read: ReadStudy,
        detections: tuple[Detections, ...],
    ) -> None:
        model = each.candidate
        assert model is not None  # noqa: S101 - what has just read
        try:
            answer = answer_of(detections, model.point, self._terms.table)
        except AnalysisError as error:
            self._reject(name, each, error)
            return
        slot = slots.steady(replace(slot, trial=slot.trial.plus(answer, read.peer)))
        self._activation.put(name, slot)
        fault = fault_of(slot, model.spec.budget.latency_s)
        if fault is not None:
            self._activation.reject(name, *fault)
            self._let_go(each)

    def _hand_over(self, name: str, each: _Name, slot: Slot, model: Model) -> None:
        """From here on the candidate alerts: durable first, and this load counts already."""
        moved = slots.counted(slots.proved(slot, self._clock.now()))
        try:
            self._activation.put(name, moved)
        except StorageError:
            model.host.close()
            raise
        self._models.adopt(name, Loaded(each.use, moved.active, model))
        self.has_handed_over = True

    def _reject(self, name: str, each: _Name, error: OsteonError) -> None:
        self._activation.reject(name, error.code, error.detail)
        self._let_go(each)

    def _let_go(self, each: _Name) -> None:
        if each.candidate is not None:
            each.candidate.host.close()
            each.candidate = None

    def _pause(self, name: str, each: _Name, reason: str) -> None:
        journal.warn("trial-waits", model=name, reason=reason, seconds=_PAUSE_SECONDS)
        each.not_before = self._clock.monotonic() + _PAUSE_SECONDS


def _digest(slot: Slot) -> str:
    return slot.candidate.digest if slot.candidate else ""
