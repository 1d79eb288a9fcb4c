"""Reading the box for the plan: which disks, which volumes, what is undelivered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.domain import MessageKind, StudyKey
from appliance.errors import StorageError
from appliance.ledger.delivery import DeliveryLedger, DeliveryState
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import WorkLedger
from appliance.wipe.luks import read_header
from appliance.wipe.media import WITH_ERASE_COMMANDS
from appliance.wipe.plan import Medium, Outstanding, Reach, Undelivered, Volume
from appliance.wipe.programs import Programs

_SECONDS: Final = 30.0
_COLUMNS: Final = "PATH,TYPE,FSTYPE,SIZE,VENDOR,MODEL,SERIAL,TRAN,ROTA,MOUNTPOINTS"
_TOLD: Final = frozenset(
    {MessageKind.CLINICAL_ALERT, MessageKind.AMENDED_ALERT, MessageKind.NOT_ANALYSED}
)
_NO_SERIAL: Final = frozenset({"", "none", "default string", "to be filled by o.e.m.", "0"})
_SERIAL_DIGITS: Final = 16
_BATCH: Final = 500


def box_serial(label: str, device_id: str) -> str:
    """What a person types: the serial number on the case, where the firmware knows it.

    Else the first 16 digits of the device id, as they stand on the hand-over sheet.
    """
    label = " ".join(label.split())
    return device_id[:_SERIAL_DIGITS] if label.lower() in _NO_SERIAL else label


def undelivered(state: Path) -> Undelivered:
    """What nobody has been told yet: messages that reached no channel, studies without an end.

    A study that was received and not taken up yet has none, either.
    """
    try:
        work = WorkLedger(state / "analyse" / "work.db", read_only=True)
    except StorageError:
        # No ledger in a folder that is there: the box never analysed anything.
        never_ran = state.is_dir() and not (state / "analyse" / "work.db").exists()
        return Undelivered(0, 0) if never_ran and not _has_intake(state) else _UNKNOWN
    try:
        studies = len({each.study for each in work.unfinished()} | _not_taken_up(state, work))
        told = _told(state)
        messages = sum(number not in told for number in _to_tell(work))
    except StorageError:
        return _UNKNOWN
    finally:
        work.close()
    return Undelivered(messages, studies)


_UNKNOWN: Final = Undelivered(None, None)


def _has_intake(state: Path) -> bool:
    return (state / "receive" / "intake.db").exists()


def _not_taken_up(state: Path, work: WorkLedger) -> frozenset[StudyKey]:
    """Studies of which the analyser has not seen every image, such as those that just came."""
    if not _has_intake(state):
        return frozenset()
    with closing(IntakeLedger(state / "receive" / "intake.db", read_only=True)) as intake:
        lives = [life for life in intake.lives.all() if life.images]
    known = ((life, work.latest(life.study)) for life in lives)
    return frozenset(
        life.study for life, latest in known if latest is None or latest.through < life.newest
    )


def _to_tell(work: WorkLedger) -> Iterator[int]:
    last = 0
    while batch := work.outbox_after(last, _BATCH):
        yield from (item.id for item in batch if item.kind in _TOLD)
        last = batch[-1].id


def _told(state: Path) -> frozenset[int]:
    """The messages that need nobody any more: sent at least once, or ended."""
    place = state / "deliver" / "delivery.db"
    if not place.exists():
        return frozenset()
    ledger = DeliveryLedger(place, read_only=True)
    try:
        still_open = {
            item.id
            for item in ledger.open_items()
            if not any(each.state is DeliveryState.SENT for each in item.deliveries)
        }
        return frozenset(range(1, ledger.last_outbox() + 1)) - still_open
    finally:
        ledger.close()


@dataclass(frozen=True, slots=True)
class Disks:
    """The volumes and media behind a folder, or named by the technician."""

    volumes: tuple[Volume, ...]
    media: tuple[Medium, ...]
    outstanding: tuple[Outstanding, ...]


def find_disks(folder: Path, named: tuple[str, ...], programs: Programs) -> Disks:
    """What lies beneath a folder, and the volumes that are named beside it (closed ones too).

    Raises:
        WipeError: `wipe-volume-unknown`.
    """
    there = next(place for place in (folder, *folder.parents) if place.exists())
    found = programs.run(["findmnt", "-n", "-o", "SOURCE", "--target", str(there)], _SECONDS)
    # A bind mount or a subvolume is written as `device[/path]`.
    source = found.out.strip().splitlines()[-1].partition("[")[0] if found.out.strip() else ""
    chain = _blocks(programs, "--inverse", source) if source else []
    opened = {block["path"]: block for block in chain}
    crypt = [block for block in chain if block["type"] == "crypt"]
    volumes: list[Volume] = []
    outstanding: list[Outstanding] = []
    for device in (*(_beneath(block) for block in crypt), *named):
        header = read_header(device, programs)
        mapping = next((each["path"] for each in crypt if _beneath(each) == device), "")
        points = _mount_points(opened[mapping]) if mapping else ()
        name = mapping.rpartition("/")[2]
        volumes.append(Volume(device, header.uuid, header.header_bytes, name, points))
        outstanding += _of_header(device, header.recovery_keys)
    media = [medium_of(each.device, programs, is_erased=True) for each in volumes]
    # Where the data lie on a closed volume, nothing but an empty mount point is here.
    holds_files = folder.is_dir() and any(folder.iterdir())
    if not crypt and source and (holds_files or not named):
        media.append(medium_of(source, programs, is_erased=False))
    return Disks(tuple(volumes), tuple(media), tuple(outstanding))


def medium_of(device: str, programs: Programs, *, is_erased: bool) -> Medium:
    """The medium on which a partition or disk lies. is_erased: else only folders on it go."""
    chain = _blocks(programs, "--inverse", device)
    disk = chain[-1] if chain else {"path": device}
    blocks = _blocks(programs, disk["path"])
    size = next((each["size"] for each in blocks if each["path"] == device), disk.get("size", 0))
    shared = tuple(sorted(_others(blocks, device)))
    is_whole = is_erased and not shared
    kind = _text(disk, "tran") or ("loop" if disk.get("type") == "loop" else "")
    return Medium(
        disk=disk["path"],
        target=(disk["path"] if is_whole else device) if is_erased else "",
        size=int((disk.get("size", 0) if is_whole else size) or 0),
        make=_text(disk, "vendor"),
        model=_text(disk, "model"),
        serial=_text(disk, "serial"),
        kind=kind,
        is_rotating=disk.get("rota") in {True, "1"},
        reach=Reach.PURGE if is_whole and kind in WITH_ERASE_COMMANDS else Reach.CLEAR,
        shared_with=shared,
    )


def _blocks(programs: Programs, *words: str) -> list[dict[str, Any]]:
    """`lsblk`'s tree as a list, from the top down. Without `--tree` it nests by NAME alone."""
    command = ["lsblk", "--json", "--tree=PATH", "--bytes", "-o", _COLUMNS, *words]
    listed = programs.run(command, _SECONDS)
    try:
        return list(_flat(json.loads(listed.out)["blockdevices"]))
    except (ValueError, KeyError, TypeError):
        return []


def _flat(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        children = node.pop("children", [])
        yield node
        for child in _flat(children):
            child.setdefault("above", node["path"])
            node.setdefault("next", child["path"])
            yield child


def _beneath(block: dict[str, Any]) -> str:
    """In an inverse tree: the device that a mapping is made of."""
    return str(block.get("next", block["path"]))


def _others(blocks: list[dict[str, Any]], device: str) -> Iterator[str]:
    """What else on a disk somebody may need."""
    ours = {device, *(each["path"] for each in blocks if each.get("above") == device)}
    for block in blocks:
        if block["path"] not in ours and (_mount_points(block) or block.get("fstype")):
            yield ", ".join(_mount_points(block)) or f"{block['path']} ({block['fstype']})"


def _mount_points(block: dict[str, Any]) -> tuple[str, ...]:
    return tuple(place for place in block.get("mountpoints") or () if place)


def _text(block: dict[str, Any], name: str) -> str:
    return " ".join(str(block.get(name) or "").split())


def _of_header(device: str, recovery_keys: int) -> Iterator[Outstanding]:
    yield Outstanding(
        f"every backup of the LUKS header of {device}, wherever one was made",
        "destroy it: with a key of then it opens whatever of the old medium was kept",
    )
    if recovery_keys:
        yield Outstanding(
            f"{recovery_keys} recovery key(s) of {device} in the hospital's escrow",
            "destroy them there; the box does not hold them",
        )
