"""What is recorded and told when the system of a box changes; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.errors import Notice
from appliance.update.history import Entry, Happening
from appliance.update.os.record import OsFault, OsRecord
from appliance.update.os.states import OsState

_DAY_S: Final = 86_400.0
_TOLD_ELSEWHERE: Final = frozenset(
    {"update-busy", "update-floor-missing", "update-metadata-absent", "update-metadata-expired"}
)
"""The update unit meets these too, and they are told of it."""
_WORDS: Final = {
    OsState.INSTALLED: Happening.INSTALLED,
    OsState.TRIAL: Happening.TRIED,
    OsState.COMMITTED: Happening.KEPT,
    OsState.RETREATING: Happening.TAKEN_BACK,
    OsState.REVERTED: Happening.TAKEN_BACK,
}


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the history. reason: a code, where an image failed or was taken back."""

    what: Happening
    version: str
    reason: str = ""
    detail: str = ""


def told(before: OsRecord | None, after: OsRecord) -> Told | None:
    """What has happened between the two; None for what is only a step on the way."""
    if before is None or before.state is after.state:
        return None
    was_under_way = before.state in {OsState.INSTALLING, OsState.INSTALLED}
    if was_under_way and after.state is OsState.COMMITTED and before.candidate is not None:
        return Told(Happening.CALLED_OFF, before.candidate.version)
    what = _WORDS.get(after.state)
    if what is None:
        return None
    if what is Happening.TAKEN_BACK and after.setback is not None:
        setback = after.setback
        return Told(what, setback.version, setback.reason, setback.detail)
    image = after.candidate or after.active
    return Told(what, image.version)


def troubles(
    record: OsRecord | None, entries: Sequence[Entry], now: float
) -> Iterator[tuple[str, str]]:
    """Codes and figures of what a technician should know of the system, as long as it stands.

    entries: of the installing unit's history, oldest first. now: wall seconds.
    """
    if record is not None:
        yield from _of_record(record, now)
    newest = entries[-1] if entries else None
    if newest is not None and newest.what is Happening.FAILED:
        code = str(newest.details.get("code", ""))
        if code not in _TOLD_ELSEWHERE and not (record and record.state is OsState.TRIAL):
            yield code, str(newest.details.get("detail", "")) or "system"


def _of_record(record: OsRecord, now: float) -> Iterator[tuple[str, str]]:
    setback = record.setback
    if record.state is OsState.REVERTED and setback and setback.reason != OsFault.BY_HAND:
        why = f"{setback.version}: {setback.reason} {setback.detail}".strip()
        yield Notice("os-taken-back").code, f"{why}; runs {record.active.version}"
    waits = record.state in {OsState.INSTALLED, OsState.RETREATING}
    if waits and now - record.since >= _DAY_S:
        image = record.candidate or record.previous
        yield Notice("os-restart-waits").code, image.version if image else ""
