"""When the timer looks again, and what of it a person is told."""

from __future__ import annotations

import pytest

from appliance.update.due import is_due, trouble
from appliance.update.history import Entry, Happening
from appliance.update.times import from_iso, to_iso

NOW = from_iso("2026-11-22T02:00:00Z")
HOUR, DAY = 3600.0, 86_400.0


def entry(ago_s: float, what: Happening = Happening.CHECKED, code: str = "") -> Entry:
    return Entry(to_iso(NOW - ago_s), what, {"code": code} if code else {})


def failed(ago_s: float, code: str) -> Entry:
    return entry(ago_s, Happening.FAILED, code)


@pytest.mark.parametrize(
    ("entries", "due"),
    [
        ([], True),
        ([entry(5 * HOUR)], False),
        ([entry(6 * HOUR)], True),
        ([entry(-HOUR)], True),  # the clock was set back
        ([entry(HOUR), failed(0, "update-source-slow")], True),
        ([entry(HOUR), failed(0, "disk-full")], True),
        ([entry(HOUR), failed(0, "update-floor-missing")], False),
        ([entry(HOUR), entry(0, Happening.OFFERED)], False),
    ],
)
def test_it_looks_again_in_time_and_goes_on_at_once(entries: list[Entry], *, due: bool) -> None:
    assert is_due(entries, NOW, 6 * HOUR) is due


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], None),
        ([failed(DAY, "update-floor-missing"), entry(0)], None),
        ([failed(0, "update-floor-missing")], "update-floor-missing"),
        ([entry(DAY), failed(0, "update-below-floor")], "update-below-floor"),
        ([entry(6 * DAY), failed(0, "update-source-slow")], None),
        ([entry(8 * DAY), failed(0, "update-source-slow")], "update-source-slow"),
        ([failed(8 * DAY, "update-no-room"), failed(0, "update-no-room")], "update-no-room"),
    ],
)
def test_a_person_is_told_where_somebody_must_act(entries: list[Entry], code: str | None) -> None:
    found = trouble(entries, NOW)
    assert (found[0] if found else None) == code
