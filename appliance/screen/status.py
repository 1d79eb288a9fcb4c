"""How the box stands, as a value; and what that comes to in one sentence. Pure, and without PHI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from appliance.domain import CaseCode, ModelLine, Outcome


class Setting(StrEnum):
    """What the box has been told to be."""

    WIPED = "wiped"
    """All that it had was destroyed; it does nothing any more."""
    CLOSED = "closed"
    """What it stores on is not mounted: its data volume did not open."""
    NONE = "none"
    """No person has given it a site YAML: it listens to nothing."""
    UNUSABLE = "unusable"
    """The site YAML cannot be used, and there is no copy of a good one."""
    FALLEN_BACK = "fallen-back"
    """The site YAML cannot be used: the box goes on with the last good one."""
    IN_USE = "in-use"


@dataclass(frozen=True, slots=True)
class Listener:
    """How modalities reach the box. is_open: None where that cannot be seen."""

    ae_title: str
    addresses: tuple[str, ...]
    port: int
    tls_port: int | None
    is_open: bool | None


@dataclass(frozen=True, slots=True)
class LastStudy:
    """The newest study of a patient. told: the outcome, or the state while there is none."""

    case: CaseCode
    outcome: Outcome | None
    state: str
    at: float


@dataclass(frozen=True, slots=True)
class StandingFault:
    """Something to mend. since: wall second; None: just found.

    found: what it was, for whoever stands there with what is to be mended: told with its cause.
    """

    code: str
    about: str
    since: float | None = None
    found: str | None = None


@dataclass(frozen=True, slots=True)
class WipeEnd:
    """What came of the wipe. at: seconds since 1970, UTC; None: not on record.

    status: the certificate's; certificate: its file, digest: SHA-256 of that; empty: not on record.
    copies: who has taken the certificate.
    """

    at: float | None
    status: str
    certificate: str
    digest: str
    copies: tuple[str, ...]
    has_failed: bool


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that the screen shows. Wall seconds since 1970, UTC.

    stopped: parts that do not run. waiting: cases that nobody has acknowledged, the oldest first.
    listener: None where nothing is configured. time_zone: a name of the IANA list.
    """

    now: float
    software: str
    setting: Setting
    site: str = ""
    time_zone: str = "UTC"
    device_id: str = ""
    listener: Listener | None = None
    stopped: tuple[str, ...] = ()
    models: tuple[ModelLine, ...] = ()
    last: LastStudy | None = None
    waiting: tuple[CaseCode, ...] = ()
    under_way: int = 0
    faults: tuple[StandingFault, ...] = ()
    wiped: WipeEnd | None = None


@dataclass(frozen=True, slots=True)
class Headline:
    """The state in one line. is_alarm: a person should act."""

    text: str
    is_alarm: bool


READS_ELSEWHERE: Final = "device-fell-back"
"""The one code of a model that reads all the same."""
_DOES_NOTHING: Final = {
    Setting.WIPED: "NOT WORKING: this box was wiped, and takes no images",
    Setting.CLOSED: "NOT WORKING: the data volume did not open",
    Setting.NONE: "NOT SET UP: this box listens to nothing",
    Setting.UNUSABLE: "NOT WORKING: the site YAML cannot be used",
}
_FAILS: Final = {
    "receive": "images are not taken",
    "analyse": "images are not analysed",
    "deliver": "nobody is told of findings",
    "access": "nothing is recorded in the audit trail",
}


def headline(status: Status) -> Headline:
    """What all of it comes to. It never says that all is well unless every part runs."""
    if status.setting in _DOES_NOTHING:
        return Headline(_DOES_NOTHING[status.setting], is_alarm=True)
    troubles = tuple(_troubles(status))
    if troubles:
        return Headline(f"NOT WORKING: {'; '.join(troubles)}", is_alarm=True)
    if status.faults:
        count = len(status.faults)
        return Headline(f"RECEIVING, with {count} fault{'s' * (count > 1)}", is_alarm=True)
    return Headline("RECEIVING", is_alarm=False)


def reads(model: ModelLine) -> bool:
    """Whether it reads studies at present."""
    return model.code in {"", READS_ELSEWHERE}


def _troubles(status: Status) -> Iterator[str]:
    for part, meaning in _FAILS.items():
        if part in status.stopped:
            yield meaning
    has_model = not status.models or any(reads(each) for each in status.models)
    if not has_model and "analyse" not in status.stopped:
        yield "no model reads: images are not analysed"
    listener = status.listener
    if listener is not None and listener.is_open is False and "receive" not in status.stopped:
        yield f"port {listener.port} is not open"
