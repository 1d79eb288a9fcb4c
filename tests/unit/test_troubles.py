"""What the technician is told: once each, again while it lasts, and when it is over."""

from __future__ import annotations

import math

import pytest

from appliance.domain import AlertSummary, MessageKind
from appliance.health.troubles import DAY_S, Standing, Telling, Trouble, Troubles

HOUR = 3600.0
CHANNELS = frozenset({"mail", "pacs:main"})
MAIL = Trouble("mail-unreachable", "mail")
DISK = Standing(Trouble("disk-nearly-full", "state folder"), "300 MiB free")


def said(due: tuple[Telling, ...]) -> list[tuple[str, str, str]]:
    return [(each.kind.value, each.trouble.code, each.figures) for each in due]


def fresh() -> Troubles:
    return Troubles((), CHANNELS)


def test_a_failing_channel_is_told_once_and_then_counted() -> None:
    troubles = fresh()
    for _ in range(3):
        troubles.note(MAIL)
    assert said(troubles.take_due(0.0, 0.0)) == [("technical", "mail-unreachable", "3")]
    for _ in range(500):
        troubles.note(MAIL)
    assert troubles.take_due(HOUR, HOUR) == ()
    (again,) = troubles.take_due(DAY_S, DAY_S)
    assert (again.figures, again.since) == ("500", 0.0)
    assert troubles.take_due(math.inf, 0.0) == ()


def test_a_channel_that_works_again_ends_its_trouble() -> None:
    troubles = fresh()
    troubles.note(MAIL)
    troubles.take_due(0.0, 0.0)
    troubles.works("pacs:main")
    assert troubles.take_due(1.0, 1.0) == ()
    troubles.works("mail")
    assert said(troubles.take_due(2.0, 2.0)) == [("recovered", "mail-unreachable", "over")]
    assert troubles.lines() == ()


def test_what_stands_is_told_daily_and_ends_when_it_stands_no_longer() -> None:
    troubles = fresh()
    told = []
    for minute in range(3 * 24 * 60):
        troubles.stand((DISK,))
        told += troubles.take_due(60.0 * minute, 60.0 * minute)
    assert [each.kind for each in told] == [MessageKind.TECHNICAL] * 3
    troubles.stand(())
    (over,) = troubles.take_due(3 * DAY_S, 3 * DAY_S)
    assert (over.kind, over.since) == (MessageKind.RECOVERED, 0.0)


def test_what_comes_and_goes_every_minute_is_told_hourly_at_most() -> None:
    troubles = fresh()
    told = []
    for minute in range(24 * 60):
        troubles.stand((DISK,) if minute % 2 else ())
        told += troubles.take_due(60.0 * minute, 60.0 * minute)
    assert len(told) <= 2 * 24


def test_before_the_first_look_nothing_is_over() -> None:
    restarted = Troubles(notices_of([(DISK, 0.0)]), CHANNELS)
    assert restarted.take_due(10.0, 10.0) == ()


def notices_of(told: list[tuple[Standing, float]]) -> list[tuple[AlertSummary, float]]:
    """The ledger's notices, newest first, as a first process would have left them."""
    notices = []
    for standing, at in told:
        telling = Telling(MessageKind.TECHNICAL, standing.trouble, standing.figures, at)
        notices.append((telling.summary("Site", at), at))
    return notices[::-1]


def test_a_restart_repeats_nothing_and_still_knows_what_ends() -> None:
    restarted = Troubles(notices_of([(DISK, 100.0)]), CHANNELS)
    restarted.stand((DISK,))
    assert restarted.take_due(200.0, 200.0) == ()
    assert [line.since for line in restarted.lines()] == [100.0]
    restarted.stand(())
    (over,) = restarted.take_due(300.0, 300.0)
    assert (over.kind, over.trouble) == (MessageKind.RECOVERED, DISK.trouble)
    known = [(over.summary("Site", 300.0), 300.0), *notices_of([(DISK, 100.0)])]
    assert Troubles(known, CHANNELS).lines() == ()


def test_results_that_were_given_up_are_past_and_never_all_right_again() -> None:
    troubles = fresh()
    troubles.note(Trouble("delivery-given-up", "pacs:main"))
    troubles.take_due(0.0, 0.0)
    troubles.works("pacs:main")
    assert troubles.take_due(1.0, 1.0) == ()
    assert len(troubles.lines()) == 1
    troubles.take_due(DAY_S, DAY_S)
    assert troubles.lines() == ()


@pytest.mark.parametrize("figures", ["300 MiB free", "2, the oldest is K7Q-3MFA, gated for 40 min"])
def test_what_it_is_about_is_read_back_from_the_message(figures: str) -> None:
    standing = Standing(Trouble("study-stuck", "analyse"), figures)
    restarted = Troubles(notices_of([(standing, 0.0)]), CHANNELS)
    assert [(line.code, line.about) for line in restarted.lines()] == [("study-stuck", "analyse")]
