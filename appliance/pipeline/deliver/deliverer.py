"""The deliverer's loop: carries out what the analyser put into the outbox.

What is to be done next is decided by `schedule`; this loop takes items up, gives attempts to one
worker a channel, and keeps `delivery.db`. Every attempt is recorded before it begins and after it
has ended, so that a kill at any instant loses nothing. A message goes out twice only if the process
dies between the other side's acceptance and our record of it.

A ledger that cannot be written (a full disk) stops no alert: the loop then goes on from memory.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from appliance import journal
from appliance.domain import (
    TO_TECHNICIAN,
    AlertSummary,
    MessageKind,
    OutboxItem,
    TroubleLine,
)
from appliance.errors import DeliveryError, StorageError
from appliance.health.troubles import Standing, Trouble, Troubles
from appliance.ledger.delivery import (
    Delivery,
    DeliveryLedger,
    DeliveryState,
    Destination,
    Progress,
    own_notice,
)
from appliance.loops import Loops
from appliance.pipeline.deliver.schedule import (
    ACKNOWLEDGED,
    SUPERSEDED,
    Action,
    Attempt,
    DeadLetter,
    Done,
    Escalate,
    Policy,
    WaitUntil,
    competes,
    decide,
    failing,
    hopeless,
    is_clinical,
    supersedes,
)
from appliance.pipeline.deliver.steady import SteadyTime
from appliance.pipeline.deliver.worker import Worker

if TYPE_CHECKING:
    from appliance.clock import Clock
    from appliance.pipeline.deliver.senders import Sender

_POLL_S: Final = 0.2
_OUTBOX: Final = "work.db"
_PATIENCE_S: Final = 2.0
"""How long stopping waits for what is being sent."""
_UNNOTED: Final = TO_TECHNICIAN | {MessageKind.TEST}
"""A notice about a notice would go on for ever; of a test, `osteon check` itself tells."""
_QUIET_S: Final = 60.0
"""How often the journal repeats that a ledger fails; the loop meets it at every turn."""


class Outbox(Protocol):
    """The analyser's ledger, read-only."""

    def outbox_after(self, last: int) -> tuple[OutboxItem, ...]:
        """Some messages numbered above `last`, oldest first; none when there are no more."""
        ...


def _nothing() -> None:
    """What is done between turns where nobody asks for anything."""


@dataclass(slots=True)
class _Open:
    """An item that has not ended, and when to look at it again."""

    item: OutboxItem
    progress: Progress
    wake_at: float = -math.inf


class Deliverer:
    """Delivers until it is told to stop.

    senders: by channel name; every channel that the policy names must be there (ValueError).
    site: the site's own name, for messages that the deliverer itself writes.
    loops: where this loop and its workers show that they turn.
    """

    def __init__(  # noqa: PLR0913 - the role's parts, wired in one place
        self,
        *,
        outbox: Outbox,
        ledger: DeliveryLedger,
        senders: Mapping[str, Sender],
        policy: Policy,
        clock: Clock,
        site: str,
        loops: Loops,
    ) -> None:
        if unknown := _channels(policy) - senders.keys():
            raise ValueError(f"no sender for {', '.join(sorted(unknown))}")
        self._outbox = outbox
        self._ledger = ledger
        self._senders = senders
        self._policy = policy
        self._clock = clock
        self._site = site
        self._loops = loops
        self._loop = loops.add("deliverer")
        self._time = SteadyTime(clock, ledger.last_moment())
        self._open: dict[int, _Open] = {}
        self._unwritten: list[tuple[Progress, AlertSummary | None]] = []
        self._busy: set[tuple[int, Destination, int]] = set()
        self._outcomes: queue.SimpleQueue[tuple[int, Delivery]] = queue.SimpleQueue()
        self._workers: dict[str, Worker] = {}
        self._last_taken = ledger.last_outbox()
        self._last_notice = ledger.first_notice()
        self._last_acknowledgement = 0
        self._troubles = Troubles(ledger.notices(), frozenset(senders) | {_OUTBOX})
        self._own: queue.SimpleQueue[AlertSummary] = queue.SimpleQueue()
        self._said: dict[str, float] = {}

    def stand(self, standing: tuple[Standing, ...]) -> None:
        """What else is wrong with the box at present. From any thread."""
        self._troubles.stand(standing)

    def troubles(self) -> tuple[TroubleLine, ...]:
        """What the technician was told of and is not over, the oldest first. From any thread."""
        return self._troubles.lines()

    def tell(self, summary: AlertSummary) -> None:
        """Carry a message of the box's own to the technician. From any thread."""
        self._own.put(summary)

    def adopt(self, senders: Mapping[str, Sender], policy: Policy, site: str) -> None:
        """Go on by other settings; what is being sent ends as it began. Between two turns only."""
        if unknown := _channels(policy) - senders.keys():
            raise ValueError(f"no sender for {', '.join(sorted(unknown))}")
        self._senders, self._policy, self._site = senders, policy, site
        self._troubles.use(frozenset(senders) | {_OUTBOX})
        for one in self._open.values():
            one.wake_at = -math.inf

    def run(self, stop: threading.Event, between_turns: Callable[[], None] = _nothing) -> None:
        """Deliver until `stop` is set; returns within a few seconds then."""
        self._resume()
        while not stop.is_set():
            self._loop.turned()
            between_turns()
            self._tick()
            self._clock.wait(stop, _POLL_S)
        self._loop.rests()
        for worker in self._workers.values():
            worker.stop()
        end = self._clock.monotonic() + _PATIENCE_S
        for worker in self._workers.values():
            worker.wait(end - self._clock.monotonic())

    # --- taking up --------------------------------------------------------------------------------

    def _resume(self) -> None:
        """Take up again what had not ended when the process ended."""
        unfinished = {one.id: one for one in self._ledger.open_items()}
        known = {number: self._ledger.notice(number) for number in unfinished if number < 0}
        last = min((number for number in unfinished if number > 0), default=self._last_taken + 1)
        last -= 1
        while last < self._last_taken and (page := self._outbox.outbox_after(last)):
            known.update({item.id: item for item in page})
            last = page[-1].id
        for number, progress in unfinished.items():
            item = known.get(number)
            if item is None:
                missing = DeliveryError("outbox-item-missing").code
                self._note(missing, _OUTBOX)
                self._durably(partial(self._ledger.end, number, missing, self._time.now()))
            else:
                self._open[number] = _Open(item, progress)

    def _tick(self) -> None:
        self._durably(self._take_new)
        self._take_outcomes()
        self._durably(self._take_acknowledgements)
        self._tell_troubles()
        self._write_unwritten()
        # Alerts first: results and notices share workers with them.
        for one in sorted(self._open.values(), key=lambda one: not _insists(one)):
            if one.wake_at <= self._time.now().steady:
                self._look_after(one)

    def _take_new(self) -> None:
        while page := self._outbox.outbox_after(self._last_taken):
            for item in page:
                self._take(item)
                self._last_taken = item.id

    def _take(self, item: OutboxItem, notice: AlertSummary | None = None) -> None:
        now = self._time.now().steady
        progress = Progress(
            id=item.id,
            case=item.case,
            revision=item.revision,
            kind=item.kind,
            has_page=bool(item.blobs),
            since=now,
            stage=0,
            stage_since=now,
        )
        self._open[item.id] = _Open(item, progress)
        self._unwritten.append((progress, notice))
        self._write_unwritten()
        journal.event("delivery-taken-up", kind=item.kind, case=item.case, revision=item.revision)

    def _write_unwritten(self) -> None:
        """In order: an item that is missing below a written one would be lost by a restart."""
        while self._unwritten:
            progress, notice = self._unwritten[0]
            if not self._durably(
                partial(self._ledger.register, progress, self._time.now(), notice)
            ):
                return
            del self._unwritten[0]

    def _take_acknowledgements(self) -> None:
        for said in self._ledger.acknowledgements(self._last_acknowledgement):
            self._last_acknowledgement = said.id
            for one in [*self._open.values()]:
                same = one.progress.case == said.case and one.progress.id <= said.through
                if same and _insists(one):
                    self._end(one, ACKNOWLEDGED)
                one.wake_at = -math.inf  # the crowd is smaller now

    def _take_outcomes(self) -> None:
        while not self._outcomes.empty():
            number, delivery = self._outcomes.get()
            self._busy.discard((number, delivery.destination, delivery.stage))
            one = self._open.get(number)
            if one is None:
                continue
            one.progress = one.progress.with_delivery(delivery)
            one.wake_at = -math.inf
            channel = delivery.destination.channel
            if one.progress.kind not in _UNNOTED and hopeless(delivery):
                self._note(delivery.code, channel)
            elif delivery.state is DeliveryState.SENT and not self._fails_still(channel):
                self._troubles.works(channel)

    # --- carrying out -----------------------------------------------------------------------------

    def _look_after(self, one: _Open) -> None:
        others = [other.progress for other in self._open.values()] if _insists(one) else []
        if any(supersedes(other, one.progress) for other in others):
            self._end(one, SUPERSEDED)
            return
        crowd = sum(competes(other, one.progress) for other in others)
        busy = frozenset(
            (destination, stage)
            for number, destination, stage in self._busy
            if number == one.progress.id
        )
        one.wake_at = -math.inf
        now = self._time.now().steady
        for action in decide(one.progress, self._policy, now, busy, crowd):
            self._carry_out(one, action)

    def _carry_out(self, one: _Open, action: Action) -> None:
        now = self._time.now()
        number = one.progress.id
        match action:
            case WaitUntil(at):
                one.wake_at = at
            case Done(ending):
                self._end(one, ending)
            case Escalate(stage):
                one.progress = replace(one.progress, stage=stage, stage_since=now.steady)
                self._durably(partial(self._ledger.escalate, number, stage, now))
                journal.warn("delivery-escalated", case=one.progress.case, stage=stage)
            case DeadLetter(destination, stage):
                known = one.progress.delivery(destination, stage)
                given_up = Delivery(
                    destination,
                    stage,
                    DeliveryState.ABANDONED,
                    known.tries if known else 0,
                    now,
                    known.code if known else "",
                )
                one.progress = one.progress.with_delivery(given_up)
                self._durably(partial(self._ledger.record, number, given_up))
                if one.progress.kind not in _UNNOTED:
                    self._note(DeliveryError("delivery-given-up").code, destination.channel)
            case Attempt(destination, stage):
                self._busy.add((number, destination, stage))
                known = one.progress.delivery(destination, stage)
                tries = known.tries + 1 if known else 1
                self._worker(destination.channel).submit(
                    partial(
                        self._attempt,
                        self._senders[destination.channel],
                        one.item,
                        destination,
                        stage,
                        tries,
                    )
                )
            case _:
                assert_never(action)

    def _worker(self, channel: str) -> Worker:
        if channel not in self._workers:
            self._workers[channel] = Worker(channel, self._loops.add(channel))
        return self._workers[channel]

    def _attempt(
        self, sender: Sender, item: OutboxItem, destination: Destination, stage: int, tries: int
    ) -> None:
        """On the channel's worker: record, send, record. Never raises."""
        begun = Delivery(destination, stage, DeliveryState.BEGUN, tries, self._time.now())
        if item.id not in self._open:  # acknowledged while it waited for its turn
            self._outcomes.put((item.id, begun))
            return
        self._durably(partial(self._ledger.record, item.id, begun))
        ended = replace(self._try(sender, item, begun), last=self._time.now())
        self._durably(partial(self._ledger.record, item.id, ended))
        self._outcomes.put((item.id, ended))
        report = journal.event if ended.state is DeliveryState.SENT else journal.warn
        report(
            "delivery-attempt",
            case=item.case,
            kind=item.kind,
            channel=destination.channel,
            stage=stage,
            attempt=tries,
            state=ended.state,
            code=ended.code,
        )

    def _try(self, sender: Sender, item: OutboxItem, begun: Delivery) -> Delivery:
        try:
            receipt = sender.deliver(item, begun.destination.recipient, begun.stage)
        except DeliveryError as error:
            return _failed(begun, error)
        except Exception as error:  # noqa: BLE001 - the stage's boundary: recorded and tried again
            return _failed(begun, DeliveryError("delivery-crashed", type(error).__name__))
        return replace(begun, state=DeliveryState.SENT, receipt=receipt)

    def _end(self, one: _Open, ending: str) -> None:
        del self._open[one.progress.id]
        self._durably(partial(self._ledger.end, one.progress.id, ending, self._time.now()))
        journal.event("delivery-ended", case=one.progress.case, ending=ending)

    # --- telling the technician -------------------------------------------------------------------

    def _note(self, code: str, channel: str) -> None:
        self._troubles.note(Trouble(code, channel))

    def _fails_still(self, channel: str) -> bool:
        """Whether something else that is to go out there still does not."""
        return any(
            failing(one.progress, channel)
            for one in self._open.values()
            if one.progress.kind not in _UNNOTED
        )

    def _tell_troubles(self) -> None:
        now = self._clock.now()
        for due in self._troubles.take_due(self._time.now().steady, now):
            ended = due.kind is MessageKind.RECOVERED
            report = journal.event if ended else journal.fail
            name = "trouble-over" if ended else "trouble"
            report(name, code=due.trouble.code, channel=due.trouble.about)
            self._own.put(due.summary(self._site, now))
        while not self._own.empty():
            summary = self._own.get()
            self._last_notice -= 1
            self._take(own_notice(self._last_notice, summary), summary)

    def _durably(self, change: Callable[[], None]) -> bool:
        """Change or read a ledger; a ledger that fails is told, and stops nothing."""
        try:
            change()
        except StorageError as error:
            now = self._clock.monotonic()
            if now - self._said.get(error.code, -math.inf) >= _QUIET_S:
                self._said[error.code] = now
                journal.fail("delivery-ledger-failed", code=error.code)
            return False
        return True


def _insists(one: _Open) -> bool:
    return is_clinical(one.progress.kind)


def _failed(begun: Delivery, error: DeliveryError) -> Delivery:
    state = DeliveryState.DEAD if error.permanent else DeliveryState.FAILED
    return replace(begun, state=state, code=error.code, receipt=error.detail)


def _channels(policy: Policy) -> set[str]:
    people = (one for step in policy.steps for one in step.destinations)
    return {one.channel for one in (*people, *policy.results, *policy.technical)}
