"""One attempt to be up to date: look at the repository, fetch what is meant for here, offer it.

Order is what makes it safe to be killed anywhere: the floor is sealed before anything new is used,
a pack is whole in the store before it is offered, and the offers are replaced last.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from appliance.clock import Clock
from appliance.errors import OsteonError, PackError, StorageError, UpdateError
from appliance.storage import make_folder, remove_tree, storage_error
from appliance.update import metadata_files
from appliance.update.choice import Choice, Stand, choose, choose_os
from appliance.update.client import Client, refreshed
from appliance.update.download import download
from appliance.update.fetching import Amount, Fetcher, Report
from appliance.update.floor_record import FloorRecord
from appliance.update.history import Happening, History
from appliance.update.layout import ROLLOUT_TARGET, UpdateFolder
from appliance.update.offers import Offer, Offers, read_offers, write_offers
from appliance.update.os.mirror import Mirror, chosen
from appliance.update.os.record import OsRecord
from appliance.update.rollout import MOST_BYTES, Rollout
from appliance.update.slots import Slot
from appliance.update.slots import Source as PackSource
from appliance.update.source import Source
from appliance.update.store import PackStore
from appliance.update.times import to_iso

_ENDS_THE_ATTEMPT: Final = frozenset(
    {"update-source-unreachable", "update-source-slow", "update-file-short", "update-no-room"}
)
"""What another pack would meet too; it is tried again at the next check."""


@dataclass(frozen=True, slots=True)
class Box:
    """What an attempt has to know of this box.

    root: the TUF root file that came with the box. factory: folder of the packs that did. used:
    names of the packs that this box uses. slots: reads the analyser's file anew. os_name: of the
    system image that runs; None where the box was not flashed with one. os_record: reads the
    installing unit's file anew.
    """

    folder: UpdateFolder
    device_id: str
    floors: FloorRecord
    history: History
    slots: Callable[[], Mapping[str, Slot]]
    factory: Path
    used: frozenset[str]
    root: bytes
    clock: Clock
    os_name: str | None = None
    os_record: Callable[[], OsRecord | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Look:
    """What a check has found. `client` and `offers` are what `apply` goes on from.

    os: how the system image of the rollout stands here; None where there is none.
    """

    client: Client
    choices: tuple[Choice, ...]
    offers: Offers
    os: Choice | None = None

    @property
    def outstanding(self) -> tuple[Choice, ...]:
        """What is wanted here and not offered yet."""
        return tuple(
            choice
            for choice in self.choices
            if choice.stand is Stand.WANTED and choice.name not in self.offers.offers
        )

    @property
    def wants_os(self) -> bool:
        """Whether this box is meant to run another system image."""
        return self.os is not None and self.os.stand is Stand.WANTED


@dataclass(frozen=True, slots=True)
class Refusal:
    """A pack or a system image that was not taken."""

    choice: Choice
    error: OsteonError


@contextmanager
def attempt(box: Box, source: Source) -> Iterator[None]:
    """The only process that works in the folder; what ends the attempt is recorded.

    Raises:
        UpdateError: `update-busy`.
    """
    make_folder(box.folder.root, mode=0o750)
    with _alone(box.folder.lock):
        try:
            yield
        except OsteonError as error:
            with suppress(StorageError):  # a full disk must not hide what happened
                box.history.add(
                    box.clock.now(),
                    Happening.FAILED,
                    code=error.code,
                    detail=error.detail,
                    source=source.name,
                )
            raise


def check(box: Box, source: Source) -> Look:
    """Bring metadata and floor up to date; take back offers that hold no longer. Within `attempt`.

    Raises:
        UpdateError: `update-floor-missing`, `update-rollout-invalid`; as `refreshed`.
        StorageError: `disk-full`, `storage-failed`, `update-slots-broken`.
    """
    metadata_files.sweep(box.folder)
    slots = box.slots()
    floor = box.floors.read().after_commits(slots)
    client = refreshed(box.folder, source, box.root, floor, box.clock.now())
    box.floors.write(client.floor)
    before = _offers(box)
    _renew_signatures(box, client, source, before, slots)
    metadata_files.publish(box.folder, client.freshness.root)
    rollout = _rollout(box, client, source)
    choices = choose(rollout, slots, box.used, box.device_id, client.now)
    after = Offers(
        {
            choice.name: before.offers[choice.name]
            for choice in choices
            if choice.stand is Stand.WANTED
            and choice.name in before.offers
            and before.offers[choice.name].digest == choice.digest
        },
        rollout.recalled,
    )
    if after != before:
        write_offers(box.folder.offers, after)
    os_choice = (
        choose_os(rollout, box.os_name, box.os_record(), box.device_id, client.now)
        if box.os_name
        else None
    )
    look = Look(client, choices, after, os_choice)
    _record_look(box, source, look, before, slots)
    _collect(box, slots, before, look)
    return look


def apply(box: Box, source: Source, look: Look, report: Report) -> tuple[Refusal, ...]:
    """Fetch what is outstanding, and offer it; returns what was refused. Within `attempt`.

    Raises:
        UpdateError: `update-source-unreachable`, `update-source-slow`, `update-file-short`,
            `update-no-room`: the next attempt goes on where this one ended.
        StorageError: `disk-full`, `storage-failed`.
    """
    others = sorted(place.parent for place in box.factory.glob("*/manifest.json"))
    fetcher = Fetcher(box.folder, look.client, source, others, report)
    offers, refused = look.offers, []
    for choice in look.outstanding:
        try:
            offer = _fetch(box, fetcher, look.client, choice)
        except (PackError, UpdateError) as error:
            if error.code in _ENDS_THE_ATTEMPT:
                raise
            refused.append(Refusal(choice, error))
            _record(box, Happening.REFUSED, choice, code=error.code, detail=error.detail)
            continue
        offers = replace(offers, offers={**offers.offers, offer.name: offer})
        write_offers(box.folder.offers, offers)
        _record(box, Happening.OFFERED, choice, source=source.name)
    refused += _mirror(box, source, look, report)
    if not refused:
        _clear(box.folder.partial)
    return tuple(refused)


def _mirror(box: Box, source: Source, look: Look, report: Report) -> Iterator[Refusal]:
    """What the installing unit needs of this box's system image; nothing where it has none."""
    if box.os_name is None:
        return
    wanted = look.os if look.wants_os else None

    def told(done: int, total: int) -> None:
        report(Amount(box.os_name or "", done, total))

    mirror = Mirror(box.folder, look.client, source, told)
    try:
        published = chosen(look.client, wanted) if wanted else None
        if mirror.keep(published) and wanted:
            _record(box, Happening.OFFERED, wanted, source=source.name)
    except UpdateError as error:
        if error.code in _ENDS_THE_ATTEMPT or wanted is None:
            raise
        _record(box, Happening.REFUSED, wanted, code=error.code, detail=error.detail)
        mirror.keep(None)  # a recall must arrive all the same
        yield Refusal(wanted, error)


def _fetch(box: Box, fetcher: Fetcher, client: Client, choice: Choice) -> Offer:
    published = client.published(choice.name, choice.version)
    release = published.release
    if release.digest != choice.digest:
        raise UpdateError("update-pack-differs", f"{choice.name} {choice.version}")
    lowest = client.floor.packs.get(choice.name, 0)
    if release.rollback_index < lowest:
        raise UpdateError("update-pack-downgrade", f"{release.rollback_index} is below {lowest}")
    fetcher.fetch(published)
    return Offer(
        release.name, release.version, release.digest, release.rollback_index, box.clock.now()
    )


def _renew_signatures(
    box: Box, client: Client, source: Source, offers: Offers, slots: Mapping[str, Slot]
) -> None:
    """Fetch what others have signed since of packs whose signers' keys were taken away.

    Before the new keys are in force, by which the analyser would have to put such a pack away. One
    for which nobody vouches any more is left as it is, and put away.
    """
    store = PackStore(box.folder.packs)
    held = {
        (name, pack.version, pack.digest)
        for name, slot in slots.items()
        for pack in slot.kept
        if pack.source is PackSource.STORE
    }
    held |= {(offer.name, offer.version, offer.digest) for offer in offers.offers.values()}
    for name, version, digest in sorted(held):
        if not store.lacks_signatures(digest, client.trust):
            continue
        try:
            published = client.published(name, version)
            make_folder(box.folder.partial)
            listed = download(source, published.manifest, box.folder.partial, lambda _: None)
            store.add_signatures(digest, client.trust, listed)
        except (PackError, UpdateError) as error:
            if error.code in _ENDS_THE_ATTEMPT:
                raise
            continue
        told = {"pack": name, "version": version, "digest": digest}
        box.history.add(box.clock.now(), Happening.SIGNED_ANEW, **told)


def _rollout(box: Box, client: Client, source: Source) -> Rollout:
    target = client.target(ROLLOUT_TARGET)
    if target is None:
        return Rollout({})
    if target.length > MOST_BYTES:
        raise UpdateError("update-rollout-invalid", "too long")
    make_folder(box.folder.partial)
    return Rollout.parse(download(source, target, box.folder.partial, lambda _: None))


def _offers(box: Box) -> Offers:
    """As they are; where they cannot be read they are written anew."""
    try:
        return read_offers(box.folder.offers)
    except StorageError as error:
        if error.code != "update-offers-broken":
            raise
        return Offers()


def _collect(box: Box, slots: Mapping[str, Slot], before: Offers, look: Look) -> None:
    """Remove what neither slots nor rollout need, nor whoever has just read the old offers."""
    kept = {pack.digest for slot in slots.values() for pack in slot.kept}
    kept |= {offer.digest for offer in before.offers.values()}
    kept |= {choice.digest for choice in look.choices if choice.stand is Stand.WANTED}
    for digest in PackStore(box.folder.packs).remove_all_but(kept):
        box.history.add(box.clock.now(), Happening.REMOVED, digest=digest)
    if not look.outstanding and not look.wants_os:
        _clear(box.folder.partial)


def _clear(folder: Path) -> None:
    try:
        for place in folder.iterdir() if folder.is_dir() else ():
            remove_tree(place)
    except OSError as error:
        raise storage_error(error) from error


def _record_look(
    box: Box, source: Source, look: Look, before: Offers, slots: Mapping[str, Slot]
) -> None:
    active = {slot.active.digest for slot in slots.values() if slot.active}
    fresh = look.client.freshness
    box.history.add(
        box.clock.now(),
        Happening.CHECKED,
        source=source.name,
        root=fresh.root,
        timestamp=fresh.timestamp,
        issued=to_iso(fresh.issued) if fresh.issued else "",
        expires=to_iso(fresh.expires),
    )
    for name, offer in before.offers.items():
        if name not in look.offers.offers and offer.digest not in active:
            _record(box, Happening.WITHDRAWN, offer)
    for digest in sorted(look.offers.recalled - before.recalled):
        box.history.add(box.clock.now(), Happening.RECALLED, digest=digest)


def _record(box: Box, what: Happening, pack: Choice | Offer, **details: str) -> None:
    box.history.add(
        box.clock.now(),
        what,
        pack=pack.name,
        version=pack.version,
        digest=pack.digest,
        **details,
    )


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    try:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise storage_error(error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UpdateError("update-busy") from None
    else:
        yield
    finally:
        os.close(descriptor)
