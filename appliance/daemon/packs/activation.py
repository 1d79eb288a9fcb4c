"""The one place where the analyser changes which pack is used: durable first, then told.

Every change of a slot goes through `Activation.put`; whoever must know of commits and reverts is
told there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from appliance import journal
from appliance.audit.events import AuditEvent, AuditKind
from appliance.clock import Clock
from appliance.errors import Notice, StorageError
from appliance.update import slots
from appliance.update.slots import Slot
from appliance.update.slots_file import SLOTS, read_slots, write_slots
from appliance.update.states import UpdateState
from appliance.update.telling import notice_of

_ACTOR: Final = "osteon-analyse"


class Activation:
    """The slots of this box. All but `of` and `slots` belongs to the analyser's main thread."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        tell: Callable[[Notice], None],
        record: Callable[[AuditEvent], None],
    ) -> None:
        """Read them. `record` takes every change down in the audit trail.

        Slots that cannot be read are put aside, and the box begins with its factory packs like a
        new one: they are signed and lie in the part of the disk that nobody writes. What had been
        denied may then be offered again, and would have to prove itself from the start.
        """
        self._path = folder / SLOTS
        self._clock = clock
        self._tell = tell
        self._record = record
        self._unsaved = False
        self._slots: Mapping[str, Slot] = {}
        try:
            self._slots = read_slots(self._path)
        except StorageError as error:
            journal.fail("update-slots-lost", code=error.code)
            with suppress(OSError):
                self._path.replace(self._path.with_suffix(".broken"))
            tell(Notice("update-slots-lost", error.detail))

    @property
    def slots(self) -> Mapping[str, Slot]:
        """All of them, by pack name; a value that never changes."""
        return self._slots

    def of(self, name: str) -> Slot | None:
        """The slot of a pack name; None before its first pack."""
        return self._slots.get(name)

    def put(self, name: str, slot: Slot, *, regardless: bool = False) -> None:
        """From now on this is the slot.

        regardless: it counts even if it cannot be written now, as a revert must on a full disk; it
        is written as soon as that works again.

        Raises:
            StorageError: it could not be written, and nothing has changed.
        """
        before = self._slots.get(name)
        if slot == before:
            return
        changed = {**self._slots, name: slot}
        try:
            write_slots(self._path, changed)
            self._unsaved = False
        except StorageError as error:
            journal.fail("update-slots-unwritten", code=error.code)
            if not regardless:
                raise
            self._unsaved = True
        self._slots = changed
        if before is None or (slot.state, slot.kept) != (before.state, before.kept):
            self._announce(name, before, slot)

    def save(self) -> None:
        """Write what could not be written before. Raises StorageError."""
        if self._unsaved:
            write_slots(self._path, self._slots)
            self._unsaved = False

    def take_back(self, name: str, reason: str, detail: str = "", *, deny: bool = True) -> bool:
        """Let the previous pack read again; False where none is kept, and nothing changes."""
        slot = self._slots[name]
        if slot.previous is None:
            return False
        back = slots.retreated(slot, reason, detail, self._clock.now(), deny=deny)
        self.put(name, back, regardless=True)
        return True

    def reject(self, name: str, reason: str, detail: str = "") -> None:
        """The candidate failed before it was ever used."""
        rejected = slots.rejected(self._slots[name], reason, detail, self._clock.now())
        self.put(name, rejected, regardless=True)

    def on_probation(self, name: str) -> bool:
        """Whether its active pack has still to prove itself, and another one is kept."""
        slot = self._slots.get(name)
        return bool(slot and slot.state is UpdateState.PROBATION and slot.previous)

    def _announce(self, name: str, before: Slot | None, slot: Slot) -> None:
        journal.event(
            "model-slot",
            model=name,
            state=slot.state,
            version=slot.active.version if slot.active else None,
            candidate=slot.candidate.version if slot.candidate else None,
            reason=slot.setback.reason if slot.setback else None,
        )
        notice = notice_of(name, before, slot)
        if notice is not None:
            try:
                self._tell(notice)
            except StorageError as error:  # a full disk must not undo a revert
                journal.fail("technician-untold", code=error.code)
        version = slot.active.version if slot.active else "none"
        why = f", {slot.setback.reason}" if slot.setback else ""
        self._record(
            AuditEvent(AuditKind.MODEL_CHANGED, _ACTOR, name, f"{version} {slot.state}{why}")
        )
