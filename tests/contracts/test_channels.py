"""What every channel must do, tried on each one in `appliance/alerts` against its real protocol.

A new channel needs a rig here; the suite fails until it has one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.alerts.catalogue import load
from appliance.alerts.channel import Channel, Content, Envelope, Page, installed
from appliance.alerts.email import EmailChannel
from appliance.alerts.printer import PrinterChannel, PrinterSettings
from appliance.clock import SystemClock
from appliance.domain import AlertSummary
from appliance.errors import DeliveryError
from tests.simulators.alerting import CANARIES, PAGE, SUMMARY
from tests.simulators.mail import free_port, mail_server
from tests.simulators.printer import ipp_printer, missing

ENVELOPE = Envelope("box/17", 0, "doctor@hospital.example")


@dataclass
class Rig:
    """A channel that works, the same one with nobody listening, and what arrived."""

    channel: Channel
    unreachable: Channel
    content: Content
    arrived: Callable[[], list[bytes]]


@contextlib.contextmanager
def _email(folder: Path) -> Iterator[Rig]:
    texts, clock = load("en"), SystemClock()
    with mail_server(folder) as server:
        nowhere = server.settings(port=free_port())
        yield Rig(
            EmailChannel(server.settings(), texts, clock),
            EmailChannel(nowhere, texts, clock),
            SUMMARY,
            lambda: server.raw,
        )


@contextlib.contextmanager
def _printer(folder: Path) -> Iterator[Rig]:
    assert not missing(), f"missing packages: {missing()}"
    with ipp_printer(folder / "printer") as printer:
        nowhere = PrinterSettings(f"ipp://127.0.0.1:{free_port()}/ipp/print")
        yield Rig(
            PrinterChannel(PrinterSettings(printer.uri, poll_s=0.05)),
            PrinterChannel(nowhere),
            PAGE,
            printer.printed,
        )


RIGS = {"email": _email, "printer": _printer}


@pytest.fixture(params=sorted(installed()))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    assert request.param in RIGS, f"channel {request.param} has no rig in this suite"
    with RIGS[request.param](tmp_path) as rig:
        yield rig


def test_it_delivers_once_and_gives_a_receipt(rig: Rig) -> None:
    receipt = rig.channel.send(ENVELOPE, rig.content)
    assert receipt.text
    assert receipt.text.isascii()
    assert receipt.text.isprintable()
    assert len(rig.arrived()) == 1


def test_it_takes_only_the_content_it_is_made_for(rig: Rig) -> None:
    other = {AlertSummary: PAGE, Page: SUMMARY}[rig.channel.carries]
    with pytest.raises(DeliveryError) as caught:
        rig.channel.send(ENVELOPE, other)
    assert caught.value.code == "content-not-for-channel"
    assert caught.value.permanent
    assert not rig.arrived()


def test_nobody_listening_is_worth_another_try(rig: Rig) -> None:
    with pytest.raises(DeliveryError) as caught:
        rig.unreachable.send(ENVELOPE, rig.content)
    assert caught.value.code.endswith("-unreachable")
    assert not caught.value.permanent


def test_errors_never_quote_the_patient(rig: Rig) -> None:
    with pytest.raises(DeliveryError) as caught:
        rig.unreachable.send(ENVELOPE, rig.content)
    assert not any(canary in str(caught.value) for canary in CANARIES)


def test_only_paper_names_the_patient(rig: Rig) -> None:
    rig.channel.send(ENVELOPE, rig.content)
    named = any(canary.encode() in one for one in rig.arrived() for canary in CANARIES)
    assert named == (rig.channel.carries is Page)
