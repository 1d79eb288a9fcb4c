"""`osteon check --end-to-end`: a phantom study through the running box, followed to people.

It is sent over the network like any modality's, under a calling title that is reserved for it and
taken from this machine only. The box recognises it (`appliance.phantom`), brings it to whatever
outcome the installed packs come to, and tells a message of its own kind to those whom an alert
would reach first. Here it is only sent and watched, in the box's own ledgers.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from appliance.checks.probe import Surroundings
from appliance.checks.result import CheckResult, failed, ok, warning
from appliance.checks.sending import send
from appliance.daemon.deliver_role import policy
from appliance.daemon.packs.places import pack_in_use, uses
from appliance.daemon.state import StateFolder
from appliance.domain import MessageKind, OutboxItem, Outcome, PackScope, StudyKey
from appliance.errors import CheckError, DeliveryError, Notice, OsteonError, PackError, StorageError
from appliance.ledger.database import ledger_error
from appliance.ledger.delivery import Delivery, DeliveryLedger, DeliveryState, Destination
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import Event, Revision, WorkLedger
from appliance.lifecycle import TRANSITIONS, StudyState
from appliance.phantom import CALLING_AE_TITLE
from appliance.phantom.study import phantom_study

_POLL_S: Final = 0.2
_SENT: Final = "phantom sent"
_FILED: Final = "received"
_OUTCOMES: Final = {
    Outcome.ALERT: "alert",
    Outcome.BELOW_THRESHOLD: "no region above the alert threshold",
    Outcome.NOT_ANALYSED: "could not analyse",
    Outcome.NOT_FOR_THIS_BOX: "not for this box",
}
Seen = TypeVar("Seen")


def travel(around: Surroundings, within_s: float) -> Iterator[CheckResult]:
    """One result for each stop on the way, as it is reached; `seconds` count from the start.

    The last one has failed when the phantom did not get on within `within_s` seconds.
    """
    with ExitStack() as stack:
        journey = _Journey(around, stack, within_s)
        try:
            yield from journey.stops()
        except OsteonError as error:
            yield journey.timed(failed(journey.at, error))
        except sqlite3.Error as error:
            yield journey.timed(failed(journey.at, ledger_error(error)))
        except PermissionError:
            yield journey.timed(failed(journey.at, CheckError("check-not-allowed")))


@dataclass(slots=True)
class _Journey:
    """The watching of one phantom. `at`: the stop that it is on the way to."""

    around: Surroundings
    stack: ExitStack
    within_s: float
    at: str = _SENT
    began: float = field(init=False)
    began_wall: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.around.clock.monotonic()
        self.began_wall = self.around.clock.now()

    def stops(self) -> Iterator[CheckResult]:
        """Raises OsteonError at the stop that is not reached."""
        site = self.around.site
        state = StateFolder(Path(site.state_folder))
        before = _last_phantom(state)
        images = phantom_study(_scopes(self.around), self.began_wall)
        send(site, images)
        yield self.timed(ok(_SENT, f"{len(images)} images, each answered with Success"))
        self.at = _FILED
        filed = _last_phantom(state)
        if filed is None or filed == before:
            raise CheckError("test-not-filed")
        yield self.timed(ok(_FILED, "sealed and in the receiver's ledger"))
        study = filed[1]
        self.at = "taken up"
        work = WorkLedger(state.work, read_only=True)
        self.stack.callback(work.close)
        yield from self._analysed(work, study)
        self.at = "told"
        item = next(each for each in work.outbox_of(study) if each.kind is MessageKind.TEST)
        delivery = DeliveryLedger(state.delivery, read_only=True)
        self.stack.callback(delivery.close)
        yield from self._delivered(delivery, item)

    def timed(self, result: CheckResult) -> CheckResult:
        """With the seconds since the start."""
        return replace(result, seconds=round(self.around.clock.monotonic() - self.began, 1))

    # --- analysis ---------------------------------------------------------------------------------

    def _analysed(self, work: WorkLedger, study: StudyKey) -> Iterator[CheckResult]:
        revision = self._wait(lambda: work.latest(study))
        if revision is None:
            raise CheckError("test-not-taken-up")
        yield self._reached(revision.opened_at, ok(self.at, f"case {revision.case}"))
        for state in TRANSITIONS.values():
            self.at = state.value
            event = self._wait(partial(_event, work, study, state))
            if event is None:
                raise CheckError("test-stuck", _state(work, study))
            found = ", ".join(f"{name} {value}" for name, value in event.fields.items() if value)
            if state is not StudyState.REPORTED:
                yield self._reached(event.at, ok(self.at, found))
        ended = work.latest(study)
        if ended is None or not ended.is_phantom:
            raise CheckError("test-unrecognised", revision.case)
        yield self._reached(ended.changed_at, _ended(self.at, ended))

    # --- delivery ---------------------------------------------------------------------------------

    def _delivered(self, ledger: DeliveryLedger, item: OutboxItem) -> Iterator[CheckResult]:
        waiting = list(policy(self.around.site).tests(has_page=bool(item.blobs)))
        while waiting:
            self.at = _told(waiting[0])
            settled = self._wait(lambda: _settled(_deliveries(ledger, item), waiting))
            if settled is None:
                break
            waiting.remove(settled.destination)
            yield self._reached(settled.last.wall, _receipt(settled))
        last = _deliveries(ledger, item)
        for destination in waiting:
            known = next((each for each in last if each.destination == destination), None)
            why = known.code if known and known.code else "not tried"
            yield self.timed(failed(_told(destination), CheckError("test-not-delivered", why)))

    # --- waiting ----------------------------------------------------------------------------------

    def _wait(self, look: Callable[[], Seen | None]) -> Seen | None:
        """What `look` sees as soon as it sees something; None when the time is over."""
        clock, never = self.around.clock, threading.Event()
        while (seen := look()) is None:
            if clock.monotonic() - self.began > self.within_s:
                return None
            clock.wait(never, _POLL_S)
        return seen

    def _reached(self, wall: float, result: CheckResult) -> CheckResult:
        """At the moment that a ledger names."""
        return replace(result, seconds=round(max(0.0, wall - self.began_wall), 1))


def _ended(name: str, revision: Revision) -> CheckResult:
    if revision.outcome is Outcome.NOT_ANALYSED:
        return warning(name, Notice("test-not-read", revision.reason or ""))
    said = _OUTCOMES[revision.outcome] if revision.outcome else ""
    return ok(name, f"outcome of the phantom: {said}")


def _event(work: WorkLedger, study: StudyKey, state: StudyState) -> Event | None:
    return next((each for each in work.events(study) if each.name == state), None)


def _state(work: WorkLedger, study: StudyKey) -> str:
    revision = work.latest(study)
    return "" if revision is None else f"{revision.case} {revision.state}"


def _deliveries(ledger: DeliveryLedger, item: OutboxItem) -> tuple[Delivery, ...]:
    progress = (each for each in ledger.of_case(item.case) if each.id == item.id)
    return next((each.deliveries for each in progress), ())


def _settled(deliveries: tuple[Delivery, ...], waiting: list[Destination]) -> Delivery | None:
    """A delivery that has ended. One that failed is tried again; its first failure tells most.

    A printer that is busy with another page has not failed.
    """
    return next(
        (
            each
            for each in deliveries
            if each.destination in waiting
            and each.state is not DeliveryState.BEGUN
            and (each.state is not DeliveryState.FAILED or each.code != "printer-busy")
        ),
        None,
    )


def _receipt(delivery: Delivery) -> CheckResult:
    name = _told(delivery.destination)
    if delivery.state is DeliveryState.SENT:
        return ok(name, delivery.receipt)
    return failed(name, DeliveryError(delivery.code, delivery.receipt))


def _told(destination: Destination) -> str:
    return f"{destination.channel} {destination.recipient}".strip()


def _last_phantom(state: StateFolder) -> tuple[int, StudyKey] | None:
    """The latest association of a check, and its study; None before the first one."""
    if not state.intake.exists():
        return None
    intake = IntakeLedger(state.intake, read_only=True)
    try:
        return intake.last_study_from(CALLING_AE_TITLE)
    finally:
        intake.close()


def _scopes(around: Surroundings) -> tuple[PackScope, ...]:
    """Of the packs that can be opened; the others are not this check's business."""
    scopes = []
    for use in uses(around.site):
        try:
            scopes.append(pack_in_use(around.site, use.name).spec.scope)
        except (PackError, StorageError):
            continue
    return tuple(scopes)
