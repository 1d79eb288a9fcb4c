"""What a slot becomes of what is offered and recalled; pure."""

from __future__ import annotations

from appliance.update import slots
from appliance.update.judge import Fault
from appliance.update.slots import PackRef, Slot
from appliance.update.states import UpdateState
from appliance.update.versions import version_key


def taken(
    slot: Slot | None, offer: PackRef | None, recalled: frozenset[str], now: float
) -> Slot | None:
    """The slot after a look at the offers; None where there is neither a slot nor a usable offer.

    offer: the pack that this box is meant to use, whether it already does or not.

    A recalled pack gives way at once. A pack that was denied is never taken again, so that no
    revert is undone by the next look. While a pack is on probation nothing else is taken up: the
    previous one must stay the one to go back to.
    """
    if slot is None:
        return None if offer is None or offer.digest in recalled else slots.arrived(offer, now)
    slot = slots.recalled(slot, Fault.RECALLED, recalled, now)
    if offer is None or _is_no_news(slot, offer, recalled):
        return slots.withdrawn(slot, now) if slot.candidate else slot
    if slot.state is UpdateState.PROBATION:
        return slot
    if slot.candidate and slot.candidate.digest == offer.digest:
        return slot
    return slots.offered(slot, offer, now)


def newer(one: PackRef | None, other: PackRef | None) -> PackRef | None:
    """The one with the higher version X.Y.Z.B."""
    known = [each for each in (one, other) if each is not None]
    return max(known, key=lambda each: version_key(each.version), default=None)


def _is_no_news(slot: Slot, offer: PackRef, recalled: frozenset[str]) -> bool:
    is_active = slot.active is not None and slot.active.digest == offer.digest
    return is_active or offer.digest in slot.denied or offer.digest in recalled
