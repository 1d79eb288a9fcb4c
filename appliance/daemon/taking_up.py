"""Which newly filed instances begin an analysis, and which do not. Pure.

Only pixels of CT and radiographs are content. What modalities mix in (dose reports, key objects)
and our own results coming back from the PACS are kept and noted, and reopen nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from pydicom import uid

from appliance.domain import SpooledInstance
from appliance.ledger.work import Revision
from appliance.lifecycle import StudyState

CONTENT: Final = frozenset(
    {
        uid.CTImageStorage,
        uid.EnhancedCTImageStorage,
        uid.LegacyConvertedEnhancedCTImageStorage,
        uid.ComputedRadiographyImageStorage,
        uid.DigitalXRayImageStorageForPresentation,
        uid.DigitalXRayImageStorageForProcessing,
    }
)


@dataclass(frozen=True, slots=True)
class OpenRevision:
    """Begin a revision with everything up to this instance."""

    through: int


@dataclass(frozen=True, slots=True)
class ExtendRevision:
    """The collecting revision takes these in too."""

    through: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """Kept and noted, not analysed."""

    through: int
    count: int


@dataclass(frozen=True, slots=True)
class Later:
    """A revision is under way; ask again when it has ended."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """All of it is known."""


Decision = OpenRevision | ExtendRevision | SetAside | Later | Nothing


def decide(
    latest: Revision | None, filed: tuple[SpooledInstance, ...], own: frozenset[int]
) -> Decision:
    """What to do about a study's instances.

    latest: the study's newest revision. filed: all its instances, in order of arrival.
    own: numbers of those that the box itself made.
    """
    known = latest.through if latest else 0
    new = tuple(instance for instance in filed if instance.id > known)
    if not new:
        return Nothing()
    through = new[-1].id
    foreign = [instance for instance in new if instance.id not in own]
    if latest is None:
        return OpenRevision(through)
    match latest.state:
        case StudyState.COLLECTING:
            return ExtendRevision(through)
        case StudyState.COMPLETE | StudyState.GATED | StudyState.ANALYSED:
            return Later()
        case StudyState.REPORTED:
            if any(instance.sop_class_uid in CONTENT for instance in foreign):
                return OpenRevision(through)
            return SetAside(through, len(new))
    assert_never(latest.state)
