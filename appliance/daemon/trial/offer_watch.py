"""Looks, between studies, at what the update unit offers and recalls; never waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from appliance import journal
from appliance.clock import Clock
from appliance.config.schema import PackUse
from appliance.daemon.packs.activation import Activation
from appliance.daemon.packs.places import PackPlaces
from appliance.errors import PackError
from appliance.update.layout import UpdateFolder
from appliance.update.offers import Offer, read_offers
from appliance.update.slots import PackRef, Slot, Source
from appliance.update.taking import taken
from appliance.update.versions import version_key

_LOOK_SECONDS: Final = 2.0


class OfferWatch:
    """Takes up offers for the packs that the site uses."""

    def __init__(
        self,
        activation: Activation,
        uses: Mapping[str, PackUse],
        places: PackPlaces,
        folder: UpdateFolder,
        clock: Clock,
    ) -> None:
        self._activation = activation
        self._folder = folder
        self._clock = clock
        self._factory = {name: _factory_pack(places, name) for name in uses}
        self._looked_at = float("-inf")
        self._offers_seen: object = None
        self._trust_seen = _marks(folder.metadata / "targets.json", folder.metadata / "root.json")

    def look(self, doubt: Callable[[], None]) -> None:
        """Look, where it is time and something has changed.

        doubt: told where the keys that may sign packs have changed, so that the signatures of the
        packs in use are to be checked anew.

        Raises:
            StorageError: the offers cannot be read, or a slot not be written.
        """
        now = self._clock.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        trust = _marks(self._folder.metadata / "targets.json", self._folder.metadata / "root.json")
        if trust != self._trust_seen:
            self._trust_seen = trust
            doubt()
        seen = (_marks(self._folder.offers), self._activation.slots)
        if seen == self._offers_seen:
            return
        found = read_offers(self._folder.offers)
        for name, factory in self._factory.items():
            self._take(
                name,
                _wanted(self._activation.of(name), found.offers.get(name), factory),
                found.recalled,
            )
        self._offers_seen = (seen[0], self._activation.slots)

    def _take(self, name: str, wanted: PackRef | None, recalled: frozenset[str]) -> None:
        before = self._activation.of(name)
        after = taken(before, wanted, recalled, self._clock.now())
        if after is None or after == before:
            return
        gave_way = before is not None and after.active != before.active
        self._activation.put(name, after, regardless=gave_way)
        if after.candidate:
            journal.event("model-offered", model=name, version=after.candidate.version)


def _wanted(slot: Slot | None, offer: Offer | None, factory: PackRef | None) -> PackRef | None:
    """What is offered; else a factory pack that is newer than the active one from the store."""
    if offer is not None:
        return PackRef(offer.version, offer.digest, offer.rollback_index, Source.STORE)
    active = slot.active if slot else None
    if active is None or factory is None or active.source is Source.FACTORY:
        return None
    return factory if version_key(factory.version) > version_key(active.version) else None


def _factory_pack(places: PackPlaces, name: str) -> PackRef | None:
    try:
        return places.factory_pack(name)
    except PackError:
        return None


def _marks(*files: Path) -> tuple[tuple[int, int] | None, ...]:
    """What changes whenever a file is replaced; None for one that is not there."""
    return tuple(map(_mark, files))


def _mark(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
