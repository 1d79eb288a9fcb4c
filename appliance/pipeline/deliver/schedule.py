"""What to do next about one item of the outbox: pure decisions over recorded progress.

Alerts climb a ladder. Each step names whom to tell and how long to wait for an acknowledgement;
after the last step the ladder is climbed again, at a slower pace, until somebody acknowledges or a
later message of the case takes its place. A destination that cannot be reached moves an alert to
the next step at once, and goes on being tried. Only results, technical messages and tests are ever
given up. Times are steady seconds.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Final, assert_never

from appliance.domain import MessageKind
from appliance.ledger.delivery import Delivery, DeliveryState, Destination, Progress

_CROWD: Final = 10
"""How many open alerts are repeated at the full pace; with more, each is repeated less often."""
_HOPELESS_TRIES: Final = 3
"""After so many failures in a row an alert no longer waits for this destination."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after the nth failure: doubling up to the cap, less up to a quarter."""

    first_s: float = 5.0
    cap_s: float = 300.0

    def after(self, failures: int, salt: str) -> float:
        """Seconds to wait. The jitter is a hash: the same after a restart."""
        whole = min(self.cap_s, self.first_s * 2.0 ** min(max(failures, 1) - 1, 30))
        share = hashlib.sha256(f"{salt}/{failures}".encode()).digest()[0] / 255
        return whole * (1.0 - 0.25 * share)


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to tell together, and how long to wait for an acknowledgement before the next step."""

    destinations: tuple[Destination, ...]
    wait_s: float


@dataclass(frozen=True, slots=True)
class Policy:
    """Where everything goes. Raises ValueError when an alert could reach nobody."""

    steps: tuple[Step, ...]
    """The ladder of an alert."""
    again_s: float = 1800.0
    """The pace after the ladder's last step, while few alerts are open."""
    results: tuple[Destination, ...] = ()
    technical: tuple[Destination, ...] = ()
    page_channels: frozenset[str] = frozenset()
    """Channels that need a page: an item without one skips them."""
    backoff: Backoff = Backoff()
    give_up_s: float = 7 * 86400.0
    """How long results and technical messages are tried."""
    test_give_up_s: float = 600.0
    """How long a test is tried: whoever started it is waiting, and later it would only puzzle."""

    def __post_init__(self) -> None:
        if not self.steps_for(has_page=False):
            raise ValueError("no step of the alert ladder can tell anybody without a page")

    def steps_for(self, *, has_page: bool) -> tuple[Step, ...]:
        """The ladder without what cannot carry the item, and without steps that this empties."""
        if has_page:
            return tuple(step for step in self.steps if step.destinations)
        usable = (
            replace(
                step,
                destinations=tuple(
                    one for one in step.destinations if one.channel not in self.page_channels
                ),
            )
            for step in self.steps
        )
        return tuple(step for step in usable if step.destinations)

    def tests(self, *, has_page: bool) -> tuple[Destination, ...]:
        """Where a test goes: to whom an alert would go first."""
        return self.steps_for(has_page=has_page)[0].destinations


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send it there now."""

    destination: Destination
    stage: int


@dataclass(frozen=True, slots=True)
class Escalate:
    """Go on to this stage of the ladder."""

    stage: int


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Nothing to do before this steady second."""

    at: float


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Give this destination up, visibly. Never for an alert."""

    destination: Destination
    stage: int


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do; `ending` says why."""

    ending: str


Action = Attempt | Escalate | WaitUntil | DeadLetter | Done

ACKNOWLEDGED: Final = "acknowledged"
SUPERSEDED: Final = "superseded"
DELIVERED: Final = "delivered"
GIVEN_UP: Final = "given-up"
NOWHERE: Final = "no-destination-configured"
_CLINICAL: Final = frozenset(
    {MessageKind.CLINICAL_ALERT, MessageKind.AMENDED_ALERT, MessageKind.NOT_ANALYSED}
)
Busy = frozenset[tuple[Destination, int]]
"""Deliveries that are waiting for their worker or being sent in this process."""


def is_clinical(kind: MessageKind) -> bool:
    """Whether a person has to acknowledge it."""
    return kind in _CLINICAL


def competes(other: Progress, progress: Progress) -> bool:
    """Whether an open item counts into the crowd of another: fractures yield to fractures only."""
    if progress.kind is MessageKind.NOT_ANALYSED:
        return is_clinical(other.kind)
    return is_clinical(other.kind) and other.kind is not MessageKind.NOT_ANALYSED


def supersedes(newer: Progress, older: Progress) -> bool:
    """Whether the newer message says all that the older one had to say.

    A later revision that could not be analysed never takes the place of an alert.
    """
    later = newer.case == older.case and newer.revision > older.revision
    if not later or not is_clinical(older.kind):
        return False
    if newer.kind is MessageKind.NOT_ANALYSED:
        return older.kind is MessageKind.NOT_ANALYSED
    return is_clinical(newer.kind)


def decide(
    progress: Progress, policy: Policy, now: float, busy: Busy = frozenset(), crowd: int = 1
) -> tuple[Action, ...]:
    """What is to be done about an open item that is neither acknowledged nor superseded.

    now: steady seconds. crowd: how many alerts are open that compete for the same people; each
    case is told to every step at the full pace, and only the repetitions slow down with the crowd.
    Returns every action that is due, or one WaitUntil, or one Done.
    """
    match progress.kind:
        case MessageKind.CLINICAL_ALERT | MessageKind.AMENDED_ALERT | MessageKind.NOT_ANALYSED:
            return _insist(progress, policy, now, busy, crowd)
        case MessageKind.RESULT_OBJECT:
            return _persist(progress, policy, policy.results, now, busy)
        case MessageKind.TECHNICAL | MessageKind.RECOVERED | MessageKind.DAILY_REPORT:
            return _persist(progress, policy, policy.technical, now, busy)
        case MessageKind.TEST:
            told = policy.tests(has_page=progress.has_page)
            return _persist(progress, policy, told, now, busy)
        case _:
            assert_never(progress.kind)


def _insist(
    progress: Progress, policy: Policy, now: float, busy: Busy, crowd: int
) -> tuple[Action, ...]:
    """An alert: try everyone whom the ladder has reached, and climb until it is acknowledged."""
    steps = policy.steps_for(has_page=progress.has_page)
    stage = progress.stage
    open_to = {
        destination: reached
        # One round back is enough: in a new round each destination is told anew.
        for reached in range(max(0, stage - len(steps) + 1), stage + 1)
        for destination in steps[reached % len(steps)].destinations
    }
    due = [
        (_due(progress, policy, destination, reached, busy), Attempt(destination, reached))
        for destination, reached in open_to.items()
    ]
    actions: list[Action] = [attempt for at, attempt in due if at <= now]
    climb_at = _climb_at(progress, policy, steps, crowd)
    if climb_at <= now:
        actions.append(Escalate(stage + 1))
    if actions:
        return tuple(actions)
    return (WaitUntil(min(climb_at, *(at for at, _ in due))),)


def _climb_at(progress: Progress, policy: Policy, steps: tuple[Step, ...], crowd: int) -> float:
    step = steps[progress.stage % len(steps)]
    if progress.stage >= len(steps) - 1:
        pace = policy.again_s * max(1.0, crowd / _CROWD)
        return progress.stage_since + max(step.wait_s, pace)
    told = [progress.delivery(one, progress.stage) for one in step.destinations]
    if any(one is not None and hopeless(one) for one in told):
        return -math.inf
    return progress.stage_since + step.wait_s


def hopeless(delivery: Delivery) -> bool:
    """Whether an alert should no longer wait for this destination (it is tried all the same)."""
    return delivery.state is DeliveryState.DEAD or (
        delivery.state is DeliveryState.FAILED and delivery.tries >= _HOPELESS_TRIES
    )


def failing(progress: Progress, channel: str) -> bool:
    """Whether the latest that was sent to some destination of the channel did not get out."""
    latest: dict[Destination, Delivery] = {}
    for one in sorted(progress.deliveries, key=lambda one: one.last.steady):
        if one.destination.channel == channel:
            latest[one.destination] = one
    return any(hopeless(one) for one in latest.values())


def _persist(
    progress: Progress,
    policy: Policy,
    destinations: tuple[Destination, ...],
    now: float,
    busy: Busy,
) -> tuple[Action, ...]:
    """A result, a technical message, a test: each destination until it took it or time is over."""
    if not destinations:
        return (Done(NOWHERE),)
    settled = {DeliveryState.SENT, DeliveryState.ABANDONED}
    waiting = [
        one
        for one in destinations
        if (known := progress.delivery(one, 0)) is None or known.state not in settled
    ]
    if not waiting:
        gave_up = any(one.state is DeliveryState.ABANDONED for one in progress.deliveries)
        return (Done(GIVEN_UP if gave_up else DELIVERED),)
    is_test = progress.kind is MessageKind.TEST
    over_at = progress.since + (policy.test_give_up_s if is_test else policy.give_up_s)
    idle = [one for one in waiting if (one, 0) not in busy]
    if now >= over_at and idle:
        return tuple(DeadLetter(one, 0) for one in idle)
    due = [(_due(progress, policy, one, 0, busy), Attempt(one, 0)) for one in waiting]
    attempts = tuple(attempt for at, attempt in due if at <= now)
    if attempts:
        return attempts
    return (WaitUntil(min(over_at if idle else math.inf, *(at for at, _ in due))),)


def _due(
    progress: Progress, policy: Policy, destination: Destination, stage: int, busy: Busy
) -> float:
    """When a destination is to be tried next; infinite when it has the message or is at it."""
    if (destination, stage) in busy:
        return math.inf
    known = progress.delivery(destination, stage)
    if known is None:
        return -math.inf
    salt = f"{progress.id}/{stage}/{destination.channel}/{destination.recipient}"
    match known.state:
        case DeliveryState.SENT | DeliveryState.ABANDONED:
            return math.inf
        case DeliveryState.BEGUN:
            # The process died while it was sending. Once is bad luck; more may be the cause.
            failures = known.tries - 1
            wait = policy.backoff.after(failures, salt) if failures else 0.0
        case DeliveryState.FAILED:
            wait = policy.backoff.after(known.tries, salt)
        case DeliveryState.DEAD:
            wait = policy.backoff.cap_s
        case _:
            assert_never(known.state)
    return known.last.steady + wait
