"""Where the files of each pack lie, and by which trust they are opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from appliance.config.schema import PackUse, Site
from appliance.daemon.state import StateFolder
from appliance.errors import PackError
from appliance.inference.manifest import Trust
from appliance.inference.pack import Pack
from appliance.inference.package import open_pack
from appliance.update.layout import UpdateFolder
from appliance.update.slots import PackRef, Source
from appliance.update.slots_file import SLOTS, read_slots


@dataclass(frozen=True, slots=True)
class PackPlaces:
    """The factory folder, the store, and the keys that may have signed what lies there."""

    factory: Path
    store: Path
    trust: Trust

    @classmethod
    def of(cls, site: Site) -> Self:
        """As the site YAML says, with the trust as the update unit has brought it forward."""
        folder = UpdateFolder(StateFolder(Path(site.state_folder)).update)
        trust = Trust.shipped().carried_forward(folder.metadata)
        return cls(Path(site.packs.folder), folder.packs, trust)

    def place(self, name: str, ref: PackRef) -> Path:
        """The folder with the files of an exact pack."""
        return self.factory / name if ref.source is Source.FACTORY else self.store / ref.digest

    def open(self, name: str, ref: PackRef) -> Pack:
        """Verify it and take it into memory.

        Raises:
            PackError: as `open_pack`; `pack-missing` where another pack lies there.
        """
        pack = open_pack(self.place(name, ref), self.trust)
        if (pack.identity.name, pack.identity.digest) != (name, ref.digest):
            raise PackError("pack-missing", "another one lies in its place")
        return pack

    def factory_pack(self, name: str) -> PackRef:
        """The pack that came with the box. Raises PackError, as `open_pack`."""
        pack = open_pack(self.factory / name, self.trust)
        return ref_of(pack, Source.FACTORY)


def ref_of(pack: Pack, source: Source) -> PackRef:
    """The exact pack, as a slot remembers it."""
    spec = pack.spec
    return PackRef(spec.version, pack.identity.digest, spec.rollback_index, source)


def uses(site: Site) -> tuple[PackUse, ...]:
    """The packs that the site names; where it names none, all that lie in the factory folder."""
    return site.packs.use or tuple(
        PackUse(name=place.parent.name)
        for place in sorted(Path(site.packs.folder).glob("*/pack.yaml"))
    )


def pack_in_use(site: Site, name: str) -> Pack:
    """The pack of that name that reads on this box now, for whoever shows or checks it.

    Raises:
        PackError: as `open_pack`; `pack-recalled` where none may be used.
        StorageError: as `read_slots`.
    """
    places = PackPlaces.of(site)
    slot = read_slots(StateFolder(Path(site.state_folder)).analyse / SLOTS).get(name)
    if slot is None:  # no analyser has run yet
        return open_pack(places.factory / name, places.trust)
    if slot.active is None:
        raise PackError("pack-recalled", slot.setback.reason if slot.setback else "")
    return places.open(name, slot.active)


def ref_on_trial(site: Site, name: str) -> PackRef | None:
    """Which update of that name has still to prove itself; None: none. Raises StorageError."""
    slot = read_slots(StateFolder(Path(site.state_folder)).analyse / SLOTS).get(name)
    return None if slot is None else slot.candidate


def pack_on_trial(site: Site, name: str) -> Pack:
    """The update of that name that has still to prove itself on this box.

    Raises:
        PackError: as `open_pack`; `pack-missing` where none is on trial.
        StorageError: as `read_slots`.
    """
    ref = ref_on_trial(site, name)
    if ref is None:
        raise PackError("pack-missing", "none is on trial")
    return PackPlaces.of(site).open(name, ref)
