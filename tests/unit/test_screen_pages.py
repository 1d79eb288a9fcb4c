"""The pages of the screen, as they are committed; and that nothing ever breaks out of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.domain import CaseCode, ModelLine, Outcome
from appliance.error_catalogue import CATALOGUE
from appliance.error_catalogue.at_screen import hint_at_screen
from appliance.screen.items import OFFERED, Access, Item
from appliance.screen.lines import Style
from appliance.screen.pages import Page, page_of
from appliance.screen.states import State
from appliance.screen.status import (
    LastStudy,
    Listener,
    Setting,
    StandingFault,
    Status,
    WipeEnd,
    headline,
)
from appliance.screen.visit import PAGE_ROWS, Visit

PAGES = Path(__file__).parent / "screen_pages"
NOW = 1_780_000_000.0
DEVICE = "25016d2af40675691ed4bd3cebd4883bcd2ca242dda00921a026e75a27f8fcec"
NEW = Status(NOW, "0.1.0.1", Setting.NONE, device_id=DEVICE)
WELL = Status(
    now=NOW,
    software="0.1.0.1",
    setting=Setting.IN_USE,
    site="Qinghe County Hospital",
    time_zone="Asia/Shanghai",
    device_id=DEVICE,
    listener=Listener("OSTEON", ("192.168.10.20",), 11112, None, is_open=True),
    models=(
        ModelLine("ct-thorax-fracture", "0.2.0.1", ""),
        ModelLine("dr-fracture", "0.2.0.1", ""),
    ),
    last=LastStudy(CaseCode("K7Q-3MF2"), Outcome.BELOW_THRESHOLD, "reported", NOW - 600),
)
CASES = tuple(
    map(CaseCode, ("K7Q-3MF2", "9XW-44TR", "A1B-2C3D", "E5F-6G7H", "J8K-9M0N", "P1Q-2R3"))
)
ILL = replace(
    WELL,
    site="清河县医院",
    listener=Listener("OSTEON", (), 11112, 2762, is_open=False),
    stopped=("analyse",),
    models=(ModelLine("dr-fracture", "", "pack-signature-wrong"),),
    last=LastStudy(CASES[0], Outcome.ALERT, "reported", NOW - 86_400),
    waiting=CASES,
    under_way=3,
    faults=(
        StandingFault("unit-failed", "osteon-analyse"),
        StandingFault("printer-stopped", "night-desk", NOW - 7200),
        StandingFault("mail-refused", "email", NOW - 7000),
        StandingFault("disk-nearly-full", "state folder", NOW - 60),
    ),
)
WIPED = replace(
    WELL,
    setting=Setting.WIPED,
    listener=None,
    models=(),
    last=None,
    wiped=WipeEnd(
        at=NOW - 3600,
        status="clear",
        certificate="osteon-wipe-1f9d0c3a.json",
        digest="9b1d" * 16,
        copies=("printer ipps://10.20.30.40/ipp/print", "stick"),
        has_failed=False,
    ),
)
CLOSED = Status(NOW, "0.1.0.1", Setting.CLOSED, device_id=DEVICE)
SAID = tuple(f"[ok] check {number}: it works" for number in range(1, 31))
MENU = Visit(State.MENU, items=tuple(item for item in Item if item in OFFERED[Access.PIN]))
SHOWN: dict[str, tuple[Visit, Status]] = {
    "status-new": (Visit(), NEW),
    "status-refused": (
        Visit(),
        replace(
            NEW,
            faults=(
                StandingFault(
                    "config-invalid",
                    "stick not taken",
                    NOW - 60,
                    "line 12: dicom.prot: unknown key (the first of 3)",
                ),
            ),
        ),
    ),
    "status-well": (Visit(), WELL),
    "status-ill": (Visit(), ILL),
    "status-unusable": (Visit(), Status(NOW, "0.1.0.1", Setting.UNUSABLE, device_id=DEVICE)),
    "status-wiped": (Visit(), WIPED),
    "status-wipe-failed": (
        Visit(),
        replace(
            WIPED,
            wiped=WipeEnd(NOW - 3600, "FAILED: destroy the medium", "", "", (), has_failed=True),
        ),
    ),
    "status-closed": (Visit(), CLOSED),
    "calling": (Visit(State.CALLING), WELL),
    "pin": (Visit(State.PIN, typed="2749", note=CATALOGUE["pin-wrong"].meaning), WELL),
    "held": (Visit(State.HELD, held_until=372.2, note=CATALOGUE["pin-locked"].meaning), WELL),
    "menu": (MENU, WELL),
    "menu-wiped": (
        Visit(
            State.MENU,
            items=tuple(item for item in Item if item in OFFERED[Access.WIPED_IMAGE]),
            note="This box was wiped.",
        ),
        WIPED,
    ),
    "working": (replace(MENU, state=State.WORKING, item=Item.CHECK, lines=SAID), WELL),
    "reading": (replace(MENU, state=State.READING, item=Item.WIPE, lines=SAID), WELL),
    "question": (
        replace(
            MENU,
            state=State.QUESTION,
            item=Item.ACKNOWLEDGE,
            question="Case code, such as K7Q-3MF2:",
            typed="K7Q",
        ),
        WELL,
    ),
    "result-first": (replace(MENU, state=State.RESULT, item=Item.CHECK, lines=SAID), WELL),
    "result-last": (
        replace(MENU, state=State.RESULT, item=Item.CHECK, lines=SAID, page=1, is_done=False),
        WELL,
    ),
    "closed": (Visit(State.CLOSED, lines=("The menu does not answer.",)), WELL),
}


def text_of(page: Page) -> str:
    return "\n".join(line.text.rstrip() for line in page.lines).rstrip() + "\n"


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_page_is_as_it_is_committed(name: str) -> None:
    visit, status = SHOWN[name]
    assert text_of(page_of(visit, status, 300.0)) == (PAGES / f"{name}.txt").read_text()


def test_every_state_has_a_committed_page() -> None:
    assert {visit.state for visit, _ in SHOWN.values()} == set(State)
    assert {place.stem for place in PAGES.iterdir()} == set(SHOWN)


def test_what_is_wrong_stands_out() -> None:
    for status, is_alarm in ((NEW, True), (ILL, True), (WELL, False)):
        styles = {line.style for line in page_of(Visit(), status, 0.0).lines}
        assert (Style.ALARM in styles) == is_alarm


def test_one_model_that_reads_is_enough_to_receive_and_a_slow_one_reads() -> None:
    for code in ("", "device-fell-back"):
        models = (ModelLine("a", "1.0.0.0", "inference-crashed"), ModelLine("b", "1.0.0.0", code))
        page = text_of(page_of(Visit(), replace(WELL, models=models), 0.0))
        assert " RECEIVING\n" in page
        assert "a 1.0.0.0 FAILS; b 1.0.0.0\n" in page


def test_every_fault_has_its_turn_with_its_hint() -> None:
    seen = ""
    for seconds in range(40):
        page = text_of(page_of(Visit(), replace(ILL, now=NOW + seconds), 0.0))
        seen += re.sub(r"\s+", " ", page)
    for fault in ILL.faults:
        assert f"{fault.code} {fault.about}" in seen
        assert hint_at_screen(fault.code) in seen


@pytest.mark.parametrize(
    "status",
    [
        replace(WELL, stopped=("receive",)),
        replace(WELL, stopped=("access",)),
        replace(WELL, listener=Listener("OSTEON", (), 104, None, is_open=False)),
        replace(WELL, models=(ModelLine("a", "1.0.0.0", "inference-crashed"),)),
        replace(WELL, setting=Setting.UNUSABLE),
        replace(WELL, setting=Setting.NONE),
        replace(WELL, setting=Setting.CLOSED),
        replace(WELL, setting=Setting.WIPED),
    ],
)
def test_a_box_that_lacks_a_part_is_never_said_to_receive(status: Status) -> None:
    assert headline(status).is_alarm
    assert headline(status).text.startswith("NOT ")


TEXT = st.text(max_size=100)
STATUSES = st.builds(
    Status,
    now=st.floats(0, 4e9),
    software=TEXT,
    setting=st.sampled_from(Setting),
    site=TEXT,
    time_zone=st.sampled_from(["UTC", "Asia/Shanghai", "No/Such", "../x", ""]),
    device_id=TEXT,
    listener=st.none()
    | st.builds(
        Listener,
        ae_title=TEXT,
        addresses=st.lists(TEXT, max_size=4).map(tuple),
        port=st.integers(1, 65535),
        tls_port=st.none() | st.integers(1, 65535),
        is_open=st.none() | st.booleans(),
    ),
    stopped=st.lists(st.sampled_from(["receive", "analyse"]), max_size=2).map(tuple),
    models=st.lists(st.builds(ModelLine, TEXT, TEXT, TEXT), max_size=6).map(tuple),
    last=st.none()
    | st.builds(
        LastStudy,
        case=TEXT,
        outcome=st.none() | st.sampled_from(Outcome),
        state=TEXT,
        at=st.just(NOW),
    ),
    waiting=st.lists(TEXT, max_size=9).map(tuple),
    under_way=st.integers(0, 10**6),
    faults=st.lists(
        st.builds(
            StandingFault,
            code=TEXT,
            about=TEXT,
            since=st.none() | st.just(NOW),
            found=st.none() | TEXT,
        ),
        max_size=9,
    ).map(tuple),
    wiped=st.none()
    | st.builds(
        WipeEnd,
        at=st.none() | st.just(NOW),
        status=TEXT,
        certificate=TEXT,
        digest=TEXT,
        copies=st.lists(TEXT, max_size=4).map(tuple),
        has_failed=st.booleans(),
    ),
)
VISITS = st.builds(
    Visit,
    state=st.sampled_from(State),
    typed=TEXT,
    items=st.lists(st.sampled_from(Item), unique=True).map(tuple),
    item=st.none() | st.sampled_from(Item),
    question=TEXT,
    lines=st.lists(TEXT, max_size=3 * PAGE_ROWS).map(tuple),
    held_until=st.floats(-1e6, 1e6),
    note=TEXT,
)


@settings(max_examples=60, deadline=None)
@given(VISITS, STATUSES)
def test_whatever_a_page_is_given_it_stays_within_the_console(visit: Visit, status: Status) -> None:
    page = page_of(visit, status, 0.0)
    assert len(page.lines) == 25
    for line in page.lines:
        assert len(line.text) <= 80
        assert all(" " <= each <= "~" for each in line.text)
    assert len(page.lines[-1].text) < 80  # a console scrolls behind its last cell
    if page.cursor is not None:
        assert page.cursor[0] < 24
        assert page.cursor[1] < 80
