"""The update unit of a box for tests: real files, a clock that can be set, slots as told."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from appliance.clock import SystemClock
from appliance.signing import DeviceSigner
from appliance.update.check import Box, Look, Refusal, apply, attempt, check
from appliance.update.floor_record import FloorRecord
from appliance.update.history import Entry, History
from appliance.update.http_source import HttpSource
from appliance.update.layout import UpdateFolder
from appliance.update.offers import Offers, read_offers
from appliance.update.pace import Pace
from appliance.update.slots import PackRef, Slot
from appliance.update.slots import Source as PackSource
from appliance.update.source import Source
from appliance.update.states import UpdateState
from tests.simulators.update_repository import BEGIN, NAME, MadePack
from tests.simulators.web_server import Nginx

PATIENT = Pace()
IMPATIENT = Pace(deadline_s=60.0, least_rate=1000.0, window_s=0.5, silence_s=0.5)
"""For servers that are slow on purpose."""


class SetClock(SystemClock):
    """Wall time as it is told."""

    def __init__(self, now: float) -> None:
        self.wall = now

    def now(self) -> float:
        return self.wall


@dataclass
class FetchingBox:
    """What every box that fetches has, below `folder`. root: the maker's first, as shipped."""

    folder: Path
    root: bytes
    signer: DeviceSigner = field(
        default_factory=lambda: DeviceSigner(ec.generate_private_key(ec.SECP256R1()))
    )
    clock: SetClock = field(default_factory=lambda: SetClock(BEGIN.timestamp() + 60))

    def __post_init__(self) -> None:
        self.places.root.mkdir(parents=True, exist_ok=True)
        self.floors = FloorRecord(self.places.floors, self.signer)

    @property
    def places(self) -> UpdateFolder:
        return UpdateFolder(self.folder / "update")

    @property
    def box(self) -> Box:
        """As the update unit has it."""
        return Box(
            folder=self.places,
            device_id=self.signer.device_id,
            floors=self.floors,
            history=History(self.places.history),
            slots=dict,
            factory=self.folder / "factory",
            used=frozenset(),
            root=self.root,
            clock=self.clock,
        )

    def begin_floors(self) -> None:
        """As a new box does, or a technician where updates are switched on."""
        self.floors.begin()

    def begin_today(self) -> None:
        """The same, by the right time: what a real maker signs expires by that."""
        self.clock.wall = time.time()
        self.begin_floors()

    def check(self, source: Source) -> Look:
        with attempt(self.box, source):
            return check(self.box, source)

    def apply(self, source: Source) -> tuple[Refusal, ...]:
        """A whole attempt, as the timer makes it."""
        with attempt(self.box, source):
            return apply(self.box, source, check(self.box, source), lambda _: None)

    def https(self, web: Nginx, **changes: Any) -> HttpSource:
        """The maker's server."""
        options = {"ca_file": web.ca_file, "proxy": None} | changes
        return HttpSource(web.url, self.clock, PATIENT, **options)


@dataclass
class UpdateBox(FetchingBox):
    """One that takes models. `slots`: what the analyser would have written."""

    slots: Mapping[str, Slot] = field(default_factory=dict)

    @property
    def box(self) -> Box:
        return replace(super().box, slots=lambda: self.slots, used=frozenset({NAME}))

    def http(self, port: int, pace: Pace = PATIENT) -> HttpSource:
        return HttpSource(f"http://127.0.0.1:{port}", self.clock, pace, ca_file=None, proxy=None)

    @property
    def offers(self) -> Offers:
        return read_offers(self.places.offers)

    @property
    def offered(self) -> dict[str, str]:
        """Name → version of what is offered."""
        return {name: offer.version for name, offer in self.offers.offers.items()}

    @property
    def history(self) -> tuple[Entry, ...]:
        return History(self.places.history).newest(1000)

    def commit(self, pack: MadePack, previous: MadePack | None = None) -> None:
        """As the analyser does after probation."""
        self.slots = {
            pack.name: Slot(
                UpdateState.COMMITTED,
                self.clock.now(),
                active=_ref(pack),
                previous=_ref(previous) if previous else None,
            )
        }


def _ref(pack: MadePack) -> PackRef:
    return PackRef(pack.version, pack.digest, pack.rollback_index, PackSource.STORE)
