"""The life of a study's revision, as one table.

A revision is one snapshot of a study's content. New content after it makes the next revision,
which starts again at COLLECTING. Each state beyond COLLECTING holds one sealed value of
`appliance.domain`, so that a process killed anywhere goes on from the last state that was
committed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from appliance.domain import (
    Admitted,
    NotRead,
    OutOfScope,
    Read,
    Refused,
    Study,
)


class StudyState(StrEnum):
    """Where a revision stands."""

    COLLECTING = "collecting"
    COMPLETE = "complete"
    GATED = "gated"
    ANALYSED = "analysed"
    REPORTED = "reported"


TRANSITIONS: Final[dict[StudyState, StudyState]] = {
    StudyState.COLLECTING: StudyState.COMPLETE,
    StudyState.COMPLETE: StudyState.GATED,
    StudyState.GATED: StudyState.ANALYSED,
    StudyState.ANALYSED: StudyState.REPORTED,
}
"""The only way forward from each state; REPORTED is the end, with one of the four outcomes."""

VALUES: Final[dict[StudyState, tuple[type, ...]]] = {
    StudyState.COMPLETE: (Study,),
    StudyState.GATED: (Admitted, OutOfScope, Refused),
    StudyState.ANALYSED: (Read, NotRead, OutOfScope),
    StudyState.REPORTED: (),
}
"""Which types a state may hold: what the next stage has to be able to take."""

MOST_ATTEMPTS: Final = 3
"""How often one stage may be begun for a revision; after that the study is `NotRead`."""
