"""The fleet as its boxes tell of it: who runs what, who is late, who went back and why; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from appliance.errors import OsteonError
from appliance.signing import device_id, open_envelope, public_key
from appliance.update.os.states import OsState
from appliance.update.rollout import PackRollout, Rollout
from appliance.update.states import UpdateState
from appliance.update.status import MOST_BYTES, PAYLOAD_TYPE, PackStatus, Status, SystemStatus
from appliance.update.times import from_iso
from updates.errors import PublishError

_DAY: Final = 86400.0
SILENT_DAYS: Final = 2.0
"""A box tells of itself at each check, several times a day."""
AHEAD_DAYS: Final = 1.0
"""More than time zones set wrongly can explain."""
LATE_DAYS: Final = 14.0
"""From the start of its wave: the time to fetch a pack over a slow line, and to prove it."""


class Standing(StrEnum):
    """How a box stands to what is meant for it; the worst first."""

    FORGED = "not its signature"
    SILENT = "silent"
    NO_MODEL = "no model"
    REVERTED = "went back"
    LATE = "late"
    TROUBLE = "trouble"
    UNDER_WAY = "under way"
    UP_TO_DATE = "up to date"


@dataclass(frozen=True, slots=True)
class Device:
    """A box that the maker knows. name: of the file with its public key."""

    name: str
    device_id: str
    key_pem: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One pack, or the system, of one box; both names are empty for a box that says nothing."""

    box: str
    pack: str
    version: str
    standing: Standing
    why: str


def devices(folder: Path) -> tuple[Device, ...]:
    """Every box whose public key (PEM) lies in that folder.

    Raises:
        PublishError: A file is no public key.
    """
    return tuple(_device(file) for file in sorted(folder.glob("*.pem")))


def told(files: Iterable[Path], known: Iterable[Device]) -> dict[str, Status | None]:
    """The newest status of each box, by device id; None where what lies there is not its own.

    A file is taken for the box that it names; only a signature by that box's key makes it true.
    """
    by_id = {device.device_id: device for device in known}
    newest: dict[str, Status | None] = {}
    for file in files:
        with file.open("rb") as opened:
            content = opened.read(2 * MOST_BYTES)
        for device in by_id.values():
            try:
                payload = open_envelope(content, [public_key(device.key_pem)], PAYLOAD_TYPE)
                status = Status.parse(payload)
            except OsteonError:
                continue
            before = newest.get(device.device_id)
            if status.device_id != device.device_id:
                if status.device_id in by_id:
                    newest.setdefault(status.device_id, None)
            elif before is None or before.at < status.at:
                newest[device.device_id] = status
            break
        else:
            if file.stem in by_id:
                newest.setdefault(file.stem, None)
    return newest


def rows(
    known: Iterable[Device],
    statuses: Mapping[str, Status | None],
    rollout: Rollout,
    now: float,
) -> list[Row]:
    """The whole fleet, the worst first."""
    found: list[Row] = []
    for device in known:
        if device.device_id not in statuses:
            found.append(Row(device.name, "", "", Standing.SILENT, "never heard of"))
            continue
        status = statuses[device.device_id]
        if status is None:
            found.append(Row(device.name, "", "", Standing.FORGED, "somebody else signed it"))
            continue
        silent_days = (now - from_iso(status.at)) / _DAY
        if not status.packs:
            found.append(Row(device.name, "", "", Standing.NO_MODEL, "it tells of none"))
        for name, version, judged in _all(status, rollout, now):
            standing, why = judged
            if silent_days > SILENT_DAYS:
                standing, why = Standing.SILENT, f"for {silent_days:.0f} days; {why}".rstrip("; ")
            elif silent_days < -AHEAD_DAYS:
                # What it told before seems older, and what it tells later may: nothing is known.
                standing, why = Standing.TROUBLE, f"its clock is {-silent_days:.0f} days ahead"
            elif status.failure and standing in {Standing.UP_TO_DATE, Standing.UNDER_WAY}:
                standing, why = Standing.TROUBLE, status.failure
            found.append(Row(device.name, name, version or "-", standing, why))
    order = list(Standing)
    return sorted(found, key=lambda row: (order.index(row.standing), row.box, row.pack))


def _all(
    status: Status, rollout: Rollout, now: float
) -> Iterator[tuple[str, str, tuple[Standing, str]]]:
    """Name, version, and standing with its reason, of each pack and of the system."""
    for name, pack in status.packs.items():
        wanted = rollout.packs.get(name)
        yield name, pack.active, _judged(pack, wanted, status.device_id, now)
    if (system := status.os) is not None:
        wanted = rollout.packs.get(system.name)
        yield system.name, system.running, _system(system, wanted, status.device_id, now)


def _system(
    system: SystemStatus, wanted: PackRollout | None, device: str, now: float
) -> tuple[Standing, str]:
    failed = f"{system.set_back}: {system.reason} {system.detail}".strip()
    is_wanted = wanted is not None and wanted.is_for(device, now)
    if wanted is not None and is_wanted and system.running != wanted.version:
        if system.set_back == wanted.version:
            return Standing.REVERTED, failed
        return _late(wanted, device, now, system.state if system.candidate else "")
    match system.state:
        case OsState.TRIAL:
            return Standing.UNDER_WAY, "on trial"
        case OsState.RETREATING | OsState.REVERTED:
            return Standing.REVERTED, failed
        case _:
            return Standing.UP_TO_DATE, ""


def _judged(
    pack: PackStatus, wanted: PackRollout | None, device: str, now: float
) -> tuple[Standing, str]:
    if not pack.active:
        return Standing.NO_MODEL, _setback(pack)
    if pack.fault:
        return Standing.TROUBLE, pack.fault
    if wanted is not None and wanted.is_for(device, now) and pack.digest != wanted.digest:
        return _behind(pack, wanted, device, now)
    match pack.state:
        case UpdateState.PROBATION:
            return Standing.UNDER_WAY, f"on probation{_figures(pack)}"
        case UpdateState.REVERTED:
            return Standing.REVERTED, _setback(pack)
        case _:
            return Standing.UP_TO_DATE, ""


def _behind(pack: PackStatus, wanted: PackRollout, device: str, now: float) -> tuple[Standing, str]:
    """For a box that is meant to use another pack than it does."""
    if pack.set_back == wanted.version:
        return Standing.REVERTED, _setback(pack)
    standing, why = _late(wanted, device, now, pack.state if pack.candidate else "")
    return standing, why if standing is Standing.LATE else f"{why}{_figures(pack)}"


def _late(wanted: PackRollout, device: str, now: float, state: str) -> tuple[Standing, str]:
    """For a box on its way to what is meant for it. state: where it stands with that."""
    waves = (wave for wave in wanted.waves if wave.is_for(device, wanted.digest, now))
    days = (now - min(wave.not_before for wave in waves)) / _DAY
    at = f"{wanted.version} {state or 'not there yet'}"
    if days > LATE_DAYS:
        return Standing.LATE, f"{at}, after {days:.0f} days"
    return Standing.UNDER_WAY, at


def _figures(pack: PackStatus) -> str:
    words = f", {pack.trial_studies} studies"
    if pack.agreement is not None:
        words += f", {pack.agreement:.0%} as the old one"
    return words


def _setback(pack: PackStatus) -> str:
    return f"{pack.set_back}: {pack.reason} {pack.detail}".strip()


def _device(file: Path) -> Device:
    pem = file.read_bytes()
    try:
        found = device_id(load_pem_public_key(pem))
    except ValueError:
        found = ""
    if not found:
        raise PublishError(f"{file} is no public key of a box")
    return Device(file.stem, found, pem)
