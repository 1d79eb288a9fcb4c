"""What the rollout asks of this box, and why it does or does not follow. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from appliance.update.layout import is_os_name
from appliance.update.os.record import OsRecord
from appliance.update.rollout import PackRollout, Rollout
from appliance.update.slots import Slot
from appliance.update.versions import version_key


class Stand(StrEnum):
    """How a pack of the rollout stands on this box."""

    WANTED = "wanted"
    """To be fetched where it is not there, and offered."""
    IN_USE = "in-use"
    """It reads already."""
    LATER = "later"
    """Its wave has not come to this box yet."""
    HALTED = "halted"
    """The maker has stopped it."""
    RECALLED = "recalled"
    DENIED = "denied"
    """It failed here before."""
    FOREIGN = "foreign"
    """This box uses no pack of that name."""
    OLDER = "older"
    """A system image that is older than the running one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One pack or system image of the rollout. `reason`: a code, where it was denied."""

    name: str
    version: str
    digest: str
    stand: Stand
    reason: str = ""


def choose(
    rollout: Rollout,
    slots: Mapping[str, Slot],
    used: Collection[str],
    device_id: str,
    now: float,
) -> tuple[Choice, ...]:
    """How each pack of the rollout stands here, by name.

    used: names of the packs that this box uses. now: wall seconds that can be believed.
    """

    def choices() -> Iterator[Choice]:
        for name, pack in sorted(rollout.packs.items()):
            if is_os_name(name):
                continue
            slot = slots.get(name)
            stand = (
                Stand.FOREIGN
                if name not in used
                else _stand(pack, rollout.recalled, slot, device_id, now)
            )
            reason = slot.denied.get(pack.digest, "") if slot else ""
            yield Choice(name, pack.version, pack.digest, stand, reason)

    return tuple(choices())


def choose_os(
    rollout: Rollout, name: str, record: OsRecord | None, device_id: str, now: float
) -> Choice | None:
    """How the system image of the rollout stands on a box whose own is called `name`.

    record: of the installing unit; None where it has not run yet. None: nothing is rolled out.
    """
    image = rollout.packs.get(name)
    if image is None:
        return None
    reason = record.denied.get(image.version, "") if record else ""
    stand = _os_stand(image, rollout.recalled, record, device_id, now)
    return Choice(name, image.version, image.digest, stand, reason)


def _os_stand(
    image: PackRollout,
    recalled: frozenset[str],
    record: OsRecord | None,
    device_id: str,
    now: float,
) -> Stand:
    if image.digest in recalled:
        return Stand.RECALLED
    if record and image.version in record.denied:
        return Stand.DENIED
    if record and image.version == record.active.version:
        return Stand.IN_USE
    if record and version_key(image.version) < version_key(record.active.version):
        return Stand.OLDER
    if image.is_halted:
        return Stand.HALTED
    return Stand.WANTED if image.is_for(device_id, now) else Stand.LATER


def _stand(
    pack: PackRollout, recalled: frozenset[str], slot: Slot | None, device_id: str, now: float
) -> Stand:
    if pack.digest in recalled:
        return Stand.RECALLED
    if slot and pack.digest in slot.denied:
        return Stand.DENIED
    if slot and slot.active and slot.active.digest == pack.digest:
        return Stand.IN_USE
    if pack.is_halted:
        return Stand.HALTED
    return Stand.WANTED if pack.is_for(device_id, now) else Stand.LATER
