"""What a person is told when a slot changes; pure."""

from __future__ import annotations

from appliance.errors import Notice
from appliance.update.judge import Fault
from appliance.update.slots import Slot
from appliance.update.states import UpdateState


def notice_of(name: str, before: Slot | None, after: Slot) -> Notice | None:
    """The message for the technician, where the change is worth one.

    None for what a person has just done by hand, for the quiet steps of a trial, and for a pack
    that was recalled without another one being kept: that is a trouble that lasts, told as such.
    """
    setback = after.setback
    if setback is not None and (before is None or setback != before.setback):
        if setback.reason == Fault.BY_HAND or after.active is None:
            return None
        why = f"{setback.reason} {setback.detail}".strip()
        return Notice(
            "model-taken-back", f"{name} {setback.version}: {why}; in use: {after.active.version}"
        )
    replaced = before is not None and before.active is not None and after.previous == before.active
    if replaced and after.state is UpdateState.PROBATION and after.active and after.previous:
        versions = f"{after.active.version} instead of {after.previous.version}"
        return Notice("model-replaced", f"{name} {versions}")
    return None
