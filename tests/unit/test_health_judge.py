"""Health, judged from facts: every trouble at its limit and not before, and no false one."""

from __future__ import annotations

import datetime as dt
import time as clocks
from collections.abc import Iterator
from dataclasses import replace

import pytest

from appliance.daemon.clock_watch import ClockWatch
from appliance.domain import CaseCode
from appliance.health.daily import is_due
from appliance.health.judge import (
    Certificate,
    Facts,
    Limits,
    PackDown,
    PrinterDown,
    Underway,
    UpdatesDown,
    judge,
)
from appliance.lifecycle import StudyState

NOW = 1_760_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR
WELL = Facts(now=NOW, free_bytes=50 << 30)
LIMITS = Limits(
    reserved_bytes=1 << 30,
    collecting_s=300.0,
    stuck_s=1800.0,
    quiet_s=72 * HOUR,
    wants_synchronised_clock=True,
)
CASE = CaseCode("K7Q-3MFA")


def codes(facts: Facts, limits: Limits = LIMITS) -> list[str]:
    return [each.trouble.code for each in judge(facts, limits)]


def test_a_box_that_is_well_has_no_trouble() -> None:
    facts = replace(
        WELL,
        under_way=(Underway(CASE, StudyState.COLLECTING, NOW - 1900),),
        certificates=(Certificate("dicom.tls.certificate_file", NOW + 31 * DAY),),
        unsynchronised_s=600.0,
        silent_s=30.0,
        starts=(("receive", (NOW - DAY, NOW - 60)),),
        last_image_at=NOW - DAY,
    )
    assert codes(facts) == []


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (replace(WELL, free_bytes=(2 << 30) - 1), "disk-nearly-full"),
        (replace(WELL, jumped_s=-45.0), "clock-jumped"),
        (replace(WELL, unsynchronised_s=HOUR), "clock-unsynchronised"),
        (replace(WELL, under_way=(Underway(CASE, None, NOW - 1800),)), "study-stuck"),
        (replace(WELL, under_way=(Underway(CASE, StudyState.GATED, NOW - 1800),)), "study-stuck"),
        (replace(WELL, packs=(PackDown("dr", "pack-file-altered", ""),)), "pack-file-altered"),
        (replace(WELL, printers=(PrinterDown("er", "printer-held", ""),)), "printer-held"),
        (replace(WELL, certificates=(Certificate("x", NOW + 29 * DAY),)), "certificate-expires"),
        (replace(WELL, silent_s=120.0), "receiver-silent"),
        (replace(WELL, starts=(("analyse", (NOW - 9,) * 6),)), "role-restarting"),
        (replace(WELL, last_image_at=NOW - 73 * HOUR), "no-images"),
        (replace(WELL, updates=UpdatesDown("update-below-floor", "")), "update-below-floor"),
    ],
)
def test_each_trouble_is_found_by_itself(facts: Facts, code: str) -> None:
    assert codes(facts) == [code]


def test_a_night_of_stuck_studies_is_one_message_that_names_the_oldest() -> None:
    under_way = tuple(
        Underway(CaseCode(f"AAA-AAA{number}"), StudyState.COMPLETE, NOW - 2000 - number)
        for number in range(9)
    )
    (stuck,) = judge(replace(WELL, under_way=under_way), LIMITS)
    assert stuck.figures == "9, the oldest is AAA-AAA8, complete for 33 min"


def test_a_certificate_is_told_weekly_and_in_its_last_week_daily() -> None:
    def pace(days: float) -> tuple[str, float]:
        facts = replace(WELL, certificates=(Certificate("mail.ca_file", NOW + days * DAY),))
        (found,) = judge(facts, LIMITS)
        return found.figures, found.again_s

    assert pace(20) == ("in 20 days", 7 * DAY)
    assert pace(6) == ("in 6 days", DAY)
    assert pace(-3) == ("3 days ago", DAY)


def test_a_site_may_do_without_a_time_server_and_with_quiet_weeks() -> None:
    limits = replace(LIMITS, wants_synchronised_clock=False, quiet_s=None)
    facts = replace(WELL, unsynchronised_s=DAY, last_image_at=NOW - 30 * DAY)
    assert codes(facts, limits) == []


class SetClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.wall = NOW
        self.steady = 1000.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def wait(self, *_: object) -> bool:
        return False

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def test_a_clock_that_is_moved_is_known_for_an_hour() -> None:
    clock = SetClock()
    watch = ClockWatch(clock)
    clock.passes(60.0)
    clock.wall += 0.3  # a time server slews
    assert watch.jumped_s() == 0.0
    clock.wall += HOUR
    clock.passes(30.0)
    assert watch.jumped_s() == pytest.approx(HOUR)
    clock.passes(1800.0)
    assert watch.jumped_s() == pytest.approx(HOUR)
    clock.passes(2000.0)
    assert watch.jumped_s() == 0.0


def test_a_clock_without_a_server_is_timed_from_when_it_was_seen() -> None:
    clock = SetClock()
    watch = ClockWatch(clock)
    assert watch.unsynchronised_s(synchronised=None) is None
    assert watch.unsynchronised_s(synchronised=False) == 0.0
    clock.passes(500.0)
    assert watch.unsynchronised_s(synchronised=False) == 500.0
    assert watch.unsynchronised_s(synchronised=True) is None


@pytest.fixture
def in_shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    clocks.tzset()
    yield
    monkeypatch.undo()
    clocks.tzset()


def at(text: str) -> float:
    return dt.datetime.fromisoformat(f"{text}+08:00").timestamp()


@pytest.mark.usefixtures("in_shanghai")
@pytest.mark.parametrize(
    ("now", "last", "is_time"),
    [
        ("2026-03-02 06:59", "2026-03-01 07:00", False),
        ("2026-03-02 07:00", "2026-03-01 07:00", True),
        ("2026-03-02 07:01", "2026-03-02 07:00", False),
        ("2026-03-02 15:00", "2026-03-01 07:00", True),  # it was off at seven
        ("2026-03-05 15:00", "2026-03-01 07:00", True),
        ("2026-03-02 06:00", "2026-03-01 20:00", False),  # a new box
        ("2025-01-01 08:00", "2026-03-01 07:00", True),  # the clock was set back
    ],
)
def test_the_daily_report_comes_at_its_hour_once(now: str, last: str, *, is_time: bool) -> None:
    assert is_due(at(now), at(last), dt.time(7, 0)) is is_time


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (replace(WELL, is_audit_broken=True), "audit-broken"),
        (replace(WELL, audit_silent_s=120.0), "audit-silent"),
        (replace(WELL, is_audit_unsent=True), "audit-unsent"),
        (replace(WELL, broken_glass=("K7Q-3MF2",)), "break-glass-used"),
        (replace(WELL, menu_guesses=1), "menu-guessed"),
    ],
)
def test_what_is_wrong_with_the_audit_trail_is_told(facts: Facts, code: str) -> None:
    assert codes(facts) == [code]


def test_an_audit_unit_that_only_restarts_is_no_trouble() -> None:
    assert codes(replace(WELL, audit_silent_s=60.0)) == []
