"""What the update unit leaves for the analyser, without the way there: a store and its offers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from appliance.daemon.packs.places import ref_of
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.update.layout import UpdateFolder
from appliance.update.offers import Offer, Offers, read_offers, write_offers
from appliance.update.slots import Slot, Source
from appliance.update.slots_file import SLOTS, write_slots
from appliance.update.states import UpdateState
from models.training.sign import sign
from tests.simulators import spot_pack
from tests.simulators.spot_pack import SOUND, Twist


def put_in_use(state: Path, home: Path, factory: Path) -> None:
    """An update, made in `home`, is in use, and the factory pack is kept: as a trial leaves them.

    For a box that has not been started.
    """
    update, before = (open_pack(place, Trust.shipped()) for place in (home, factory))
    store = UpdateFolder(state / "update").packs
    store.mkdir(parents=True)
    home.rename(store / update.identity.digest)
    (state / "analyse").mkdir()
    slot = Slot(
        UpdateState.COMMITTED,
        0.0,
        active=ref_of(update, Source.STORE),
        previous=ref_of(before, Source.FACTORY),
    )
    write_slots(state / "analyse" / SLOTS, {update.identity.name: slot})


class UpdateUnit:
    """The folder `update` below a box's state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = UpdateFolder(state / "update")
        self._folder.packs.mkdir(parents=True, exist_ok=True)

    def offer(self, version: str, twist: Twist = SOUND, *, is_lying: bool = False) -> Offer:
        """Make a version of the spot pack, put it into the store and offer it.

        is_lying: one of its golden cases asks for what its network does not answer.
        """
        staging = self._folder.root / f"staging-{version}"
        home = spot_pack.write(staging, version, twist) / spot_pack.NAME
        if is_lying:
            golden = home / "golden"
            (golden / "dark.json").write_bytes((golden / "spot.json").read_bytes())
            sign(home)
        pack = open_pack(home, Trust.shipped())
        place = self._folder.packs / pack.identity.digest
        if not place.exists():
            home.rename(place)
        shutil.rmtree(staging)
        offer = Offer(spot_pack.NAME, version, pack.identity.digest, 1, 0.0)
        self._write(replace(self._read(), offers={offer.name: offer}))
        return offer

    def recall(self, *digests: str) -> None:
        """Forbid packs, whoever has them."""
        known = self._read()
        self._write(replace(known, recalled=known.recalled | set(digests)))

    def withdraw(self) -> None:
        """Offer nothing any more."""
        self._write(replace(self._read(), offers={}))

    def _read(self) -> Offers:
        return read_offers(self._folder.offers)

    def _write(self, offers: Offers) -> None:
        write_offers(self._folder.offers, offers)
