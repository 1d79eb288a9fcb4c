"""Bringing the right pack of one name into use, whatever happened to the box before; never neither.

The loads of a pack on probation are counted down, durably, before each of them: one that takes the
whole analyser down is taken back at the start after its last one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance import journal
from appliance.clock import Clock
from appliance.config.schema import PackUse
from appliance.daemon.packs.activation import Activation
from appliance.daemon.packs.places import PackPlaces
from appliance.domain import ModelIdentity, PackScope
from appliance.errors import AnalysisError, OsteonError, PackError
from appliance.inference.host import InferenceHost
from appliance.inference.pack import Pack
from appliance.inference.pack_schema import PackSpec
from appliance.inference.starting import HostSettings
from appliance.pipeline.alert import OperatingPoint
from appliance.update import slots
from appliance.update.judge import Fault
from appliance.update.slots import PackRef, Slot, Source
from appliance.update.states import FULL_TRIES
from appliance.update.taking import newer


@dataclass(frozen=True, slots=True)
class Model:
    """One verified pack and the host that runs it."""

    identity: ModelIdentity
    spec: PackSpec
    point: OperatingPoint
    host: InferenceHost


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of bringing a pack into use.

    model: None where no pack of that name may or can be used. withheld: what a recalled pack would
    have read. error: why there is no model, or why it does not run at present.
    """

    use: PackUse
    ref: PackRef | None
    model: Model | None = None
    withheld: PackScope | None = None
    error: OsteonError | None = None


def model_of(pack: Pack, use: PackUse, clock: Clock, *, niceness: int = 0) -> Model:
    """A pack as the site wants it to run; its child is not started yet."""
    own = pack.spec.operating_point
    alert = own.alert if use.alert_threshold is None else max(own.report, use.alert_threshold)
    span = pack.spec.measured_scores
    return Model(
        identity=pack.identity,
        spec=pack.spec,
        point=OperatingPoint(
            own.report, alert, None if span is None else (span.at_least, span.at_most)
        ),
        host=InferenceHost(pack, replace(host_settings(use), niceness=niceness), clock),
    )


def host_settings(use: PackUse) -> HostSettings:
    """How the site wants a pack to run."""
    return HostSettings(use.device, None if use.runtime == "auto" else use.runtime)


class Loader:
    """Loads the active pack of a name; gives way to the previous one where that must be."""

    def __init__(self, activation: Activation, clock: Clock) -> None:
        self._activation = activation
        self._clock = clock
        self._starting: Model | None = None
        self._is_interrupted = False

    def interrupt(self, name: str) -> None:
        """From any thread: end the start of that pack, if it is under way.

        It is no fault of the pack's, which stays the active one: whoever interrupts takes it back.
        """
        starting = self._starting
        if starting is not None and starting.identity.name == name:
            self._is_interrupted = True
            starting.host.close()

    def load(self, use: PackUse, places: PackPlaces) -> Loaded:
        """Verify, start and try the pack that the slot names, or the one that it gives way to."""
        try:
            self._see_factory_pack(use.name, places)
        except PackError as error:
            journal.fail("pack-refused", model=use.name, code=error.code)
            if self._activation.of(use.name) is None:
                return Loaded(use, None, error=error)
        while True:
            loaded = self._try(use, places)
            if loaded is not None:
                return loaded

    def _try(self, use: PackUse, places: PackPlaces) -> Loaded | None:
        """One attempt; None where the slot has changed by it, towards an older pack."""
        name, activation = use.name, self._activation
        slot = activation.of(name)
        if slot is None or slot.active is None:
            return self._withheld(use, slot, places)
        unproved = activation.on_probation(name)
        if unproved and not slot.tries:
            activation.take_back(name, Fault.TRIES, f"{FULL_TRIES} starts")
            return None
        try:
            pack = places.open(name, slot.active)
        except PackError as error:
            journal.fail("pack-refused", model=name, code=error.code)
            if self._gave_way(name, slot, error, places):
                return None
            return Loaded(use, slot.active, error=error)
        if unproved:
            activation.put(name, slots.counted(slot), regardless=True)
        return self._started(use, slot.active, model_of(pack, use, self._clock))

    def _started(self, use: PackUse, ref: PackRef, model: Model) -> Loaded | None:
        self._is_interrupted = False
        self._starting = model
        try:
            model.host.warm_up()
        except AnalysisError as error:
            journal.fail("pack-down", model=use.name, code=error.code)
            if self._activation.on_probation(use.name) and not self._is_interrupted:
                model.host.close()
                self._activation.take_back(use.name, error.code, error.detail)
                return None
            return Loaded(use, ref, model, error=error)
        finally:
            self._starting = None
        return Loaded(use, ref, model)

    def _see_factory_pack(self, name: str, places: PackPlaces) -> None:
        """A new box's pack goes into use; so does one that replaces its predecessor on the disk.

        Raises:
            PackError: there is none that can be used.
        """
        own = places.factory_pack(name)
        slot = self._activation.of(name)
        now = self._clock.now()
        if slot is None:
            self._activation.put(name, slots.installed(own, now), regardless=True)
            return
        if own.digest in slot.denied:
            return
        active, previous = slot.active, slot.previous
        if active is None:
            recalled = slot.withheld
            if slot.candidate is None and recalled and newer(recalled, own) == own != recalled:
                self._activation.put(name, slots.installed(own, now, slot), regardless=True)
        elif active.source is Source.FACTORY and active != own:
            self._activation.put(name, slots.installed(own, now, slot), regardless=True)
        elif previous and previous.source is Source.FACTORY and previous != own:
            self._activation.put(name, replace(slot, previous=own), regardless=True)

    def _gave_way(self, name: str, slot: Slot, error: PackError, places: PackPlaces) -> bool:
        """The files of the active pack cannot be used: the previous pack, or the factory's.

        A pack is denied for that only where its signature is worth nothing any more; a lost file
        may be fetched again.
        """
        is_revoked = error.code == "pack-signature-invalid"
        if self._activation.take_back(name, error.code, error.detail, deny=is_revoked):
            return True
        now = self._clock.now()
        if is_revoked:
            blocked = slots.blocked(slot, error.code, error.detail, now)
            self._activation.put(name, blocked, regardless=True)
            return True
        try:
            own = places.factory_pack(name)
        except PackError:
            return False
        if own == slot.active or own.digest in slot.denied:
            return False
        self._activation.put(name, slots.installed(own, now, slot), regardless=True)
        return True

    def _withheld(self, use: PackUse, slot: Slot | None, places: PackPlaces) -> Loaded:
        """No pack of this name may read; what the recalled one was for is still known."""
        error = PackError("pack-recalled" if slot and slot.withheld else "pack-missing")
        if slot is None or slot.withheld is None:
            return Loaded(use, None, error=error)
        try:
            scope = places.open(use.name, slot.withheld).spec.scope
        except PackError:
            scope = None
        return Loaded(use, None, withheld=scope, error=error)
