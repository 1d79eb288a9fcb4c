"""What is wrong with the box: pure judgements over facts, each with the figures that show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from appliance.domain import CaseCode
from appliance.errors import Notice, OsteonError
from appliance.health.troubles import DAY_S, Standing, Trouble
from appliance.lifecycle import StudyState

_SILENT_S: Final = 120.0
_UNSYNCHRONISED_S: Final = 3600.0
"""A box that has just started is given this long to find its time server."""
_JUMP_S: Final = 30.0
_STARTS: Final = 6
"""systemd gives up after five quick ones, and then tells by itself."""
_STARTS_WITHIN_S: Final = 1800.0
_WARN_DAYS: Final = 30
_URGE_DAYS: Final = 7
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What the site YAML says about health.

    collecting_s: how long a study may wait for the rest of its images. stuck_s: how long it may
    stand in any state, beyond that. quiet_s: how long nothing may arrive; None: that says nothing.
    """

    reserved_bytes: int
    collecting_s: float
    stuck_s: float
    quiet_s: float | None
    wants_synchronised_clock: bool


@dataclass(frozen=True, slots=True)
class Underway:
    """A study that has not ended. `state` is None while no analyser has taken it up."""

    case: CaseCode
    state: StudyState | None
    since: float


@dataclass(frozen=True, slots=True)
class PackDown:
    """A model pack that does not run as it should, and why."""

    name: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class PrinterDown:
    """A printer that would not print now, and why."""

    name: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class UpdatesDown:
    """No updates arrive, and why."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class SystemTrouble:
    """Something about the system image of this box, by its code."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of the site YAML. `name`: its key there. Wall seconds."""

    name: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Facts:
    """The box at one instant. Seconds are wall time, except for the lengths of time.

    unsynchronised_s: for how long the clock has had no time server; None: it has one, or the
    system does not say. jumped_s: how far the clock was moved in the last hour. silent_s: for how
    long the receiver has not answered; None: it answers. starts: of each role, the latest ones.
    broken_glass: the cases that somebody without the right to looked at within a day.
    menu_guesses: wrong PINs at the screen within a day, beyond those of a slip.
    is_audit_broken: whether the audit trail was altered. is_audit_unsent: whether the hospital's
    audit repository was not reached at the last try. audit_silent_s: for how long nobody has kept
    the trail; None: somebody does.
    """

    now: float
    free_bytes: int
    under_way: tuple[Underway, ...] = ()
    packs: tuple[PackDown, ...] = ()
    printers: tuple[PrinterDown, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    unsynchronised_s: float | None = None
    jumped_s: float = 0.0
    silent_s: float | None = None
    starts: tuple[tuple[str, tuple[float, ...]], ...] = ()
    last_image_at: float | None = None
    broken_glass: tuple[str, ...] = ()
    menu_guesses: int = 0
    is_audit_broken: bool = False
    is_audit_unsent: bool = False
    audit_silent_s: float | None = None
    updates: UpdatesDown | None = None
    system: tuple[SystemTrouble, ...] = ()


def judge(facts: Facts, limits: Limits) -> tuple[Standing, ...]:
    """Everything that a technician should know at this instant."""
    return tuple(_all(facts, limits))


def _all(facts: Facts, limits: Limits) -> Iterator[Standing]:
    if facts.free_bytes < 2 * limits.reserved_bytes:
        # The receiver turns images away at the reserve: it is said while there is room.
        free = f"{facts.free_bytes // _MIB} MiB free"
        yield _stands(Notice("disk-nearly-full"), "state folder", free)
    yield from _clock(facts, limits)
    yield from _stuck(facts, limits)
    for pack in facts.packs:
        yield Standing(Trouble(pack.code, pack.name), pack.detail or "at start")
    for printer in facts.printers:
        yield Standing(Trouble(printer.code, printer.name), printer.detail or "no answer")
    if facts.updates is not None:
        yield Standing(Trouble(facts.updates.code, "updates"), facts.updates.detail)
    for each in facts.system:
        yield Standing(Trouble(each.code, "system"), each.detail, _URGE_DAYS * DAY_S)
    for certificate in facts.certificates:
        yield from _certificate(certificate, facts.now)
    if facts.silent_s is not None and facts.silent_s >= _SILENT_S:
        silent = f"no answer for {_minutes(facts.silent_s)}"
        yield _stands(Notice("receiver-silent"), "receive", silent)
    yield from _restarts(facts)
    if limits.quiet_s is not None and facts.last_image_at is not None:
        quiet = facts.now - facts.last_image_at
        if quiet >= limits.quiet_s:
            yield _stands(Notice("no-images"), "receive", f"for {_hours(quiet)}")
    yield from _audit(facts)


def _restarts(facts: Facts) -> Iterator[Standing]:
    for role, starts in facts.starts:
        recent = sum(facts.now - _STARTS_WITHIN_S <= at <= facts.now for at in starts)
        if recent >= _STARTS:
            figures = f"{recent} starts in {_minutes(_STARTS_WITHIN_S)}"
            yield _stands(Notice("role-restarting"), role, figures)


def _audit(facts: Facts) -> Iterator[Standing]:
    for case in facts.broken_glass:
        yield _stands(Notice("break-glass-used"), case, "see `osteon audit list`")
    if facts.menu_guesses:
        yield _stands(Notice("menu-guessed"), "screen", f"{facts.menu_guesses} within a day")
    if facts.is_audit_broken:
        yield _stands(Notice("audit-broken"), "audit", "see `osteon audit verify`")
    if facts.audit_silent_s is not None and facts.audit_silent_s >= _SILENT_S:
        silent = f"no answer for {_minutes(facts.audit_silent_s)}"
        yield _stands(Notice("audit-silent"), "audit", silent)
    if facts.is_audit_unsent:
        yield _stands(Notice("audit-unsent"), "audit", "tried again and again")


def _clock(facts: Facts, limits: Limits) -> Iterator[Standing]:
    if abs(facts.jumped_s) >= _JUMP_S:
        yield _stands(Notice("clock-jumped"), "clock", f"by {facts.jumped_s:+.0f} s")
    alone = facts.unsynchronised_s
    if limits.wants_synchronised_clock and alone is not None and alone >= _UNSYNCHRONISED_S:
        yield _stands(Notice("clock-unsynchronised"), "clock", f"for {_hours(alone)}")


def _stuck(facts: Facts, limits: Limits) -> Iterator[Standing]:
    """One message for all of them: when the analyser hangs, a whole night of studies does."""
    late = [
        (facts.now - each.since, each)
        for each in facts.under_way
        if facts.now - each.since >= limits.stuck_s + _allowance(each, limits)
    ]
    if late:
        waited, oldest = max(late, key=lambda one: one[0])
        state = oldest.state or "received"
        figures = f"{len(late)}, the oldest is {oldest.case}, {state} for {_minutes(waited)}"
        yield _stands(Notice("study-stuck"), "analyse", figures)


def _allowance(study: Underway, limits: Limits) -> float:
    return limits.collecting_s if study.state is StudyState.COLLECTING else 0.0


def _certificate(certificate: Certificate, now: float) -> Iterator[Standing]:
    days = (certificate.expires_at - now) / DAY_S
    if days < _WARN_DAYS:
        figures = f"in {days:.0f} days" if days >= 0 else f"{-days:.0f} days ago"
        urgent = days < _URGE_DAYS
        again_s = DAY_S if urgent else _URGE_DAYS * DAY_S
        trouble = _stands(Notice("certificate-expires"), certificate.name, figures).trouble
        yield Standing(trouble, figures, again_s)


def _stands(notice: OsteonError, about: str, figures: str) -> Standing:
    return Standing(Trouble(notice.code, about), figures)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h"
