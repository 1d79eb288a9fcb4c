"""The life of a system image on one box, as one table.

committed → installing → installed → (restart) → trial → committed
└→ reverted: the one before runs again
committed → retreating → (restart) → reverted: by hand, or recalled
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OsState(StrEnum):
    """Where the system of this box stands."""

    COMMITTED = "committed"
    """The running one is kept; nothing is under way."""
    INSTALLING = "installing"
    """A newer one is being written into the other slot; begun anew after a power cut."""
    INSTALLED = "installed"
    """It lies in the other slot and waits for a restart."""
    TRIAL = "trial"
    """It runs, and is kept only once it is healthy; each start costs one of its tries."""
    RETREATING = "retreating"
    """The next restart goes back to the one before."""
    REVERTED = "reverted"
    """The newest one failed or was taken back; the one before it runs."""


class OsEvent(StrEnum):
    """What moves it from one state to another."""

    BEGUN = "begun"
    """A verified image is about to be written."""
    WRITTEN = "written"
    CALLED_OFF = "called-off"
    """The image is wanted no more, or could not be written; it has never run."""
    STARTED = "started"
    """The machine has started from the new image."""
    BLESSED = "blessed"
    """Its boot was found healthy, and the boot loader counts no tries any more."""
    FELL_BACK = "fell-back"
    """The machine runs the old image again though the new one was to run."""
    TAKEN_BACK = "taken-back"
    """A person or a recall wants the one before."""
    WENT_BACK = "went-back"
    """The machine has started from the one before."""
    FOUND = "found"
    """An image runs that nobody here knows of: the box was flashed anew."""


_AT_REST: Final = (OsState.COMMITTED, OsState.REVERTED)

TRANSITIONS: Final[Mapping[tuple[OsState, OsEvent], OsState]] = MappingProxyType(
    {
        **{(state, OsEvent.BEGUN): OsState.INSTALLING for state in _AT_REST},
        (OsState.INSTALLING, OsEvent.WRITTEN): OsState.INSTALLED,
        (OsState.INSTALLING, OsEvent.CALLED_OFF): OsState.COMMITTED,
        (OsState.INSTALLED, OsEvent.CALLED_OFF): OsState.COMMITTED,
        (OsState.INSTALLING, OsEvent.STARTED): OsState.TRIAL,
        (OsState.INSTALLED, OsEvent.STARTED): OsState.TRIAL,
        (OsState.INSTALLED, OsEvent.FELL_BACK): OsState.REVERTED,
        (OsState.TRIAL, OsEvent.BLESSED): OsState.COMMITTED,
        (OsState.TRIAL, OsEvent.FELL_BACK): OsState.REVERTED,
        (OsState.COMMITTED, OsEvent.TAKEN_BACK): OsState.RETREATING,
        (OsState.RETREATING, OsEvent.WENT_BACK): OsState.REVERTED,
        **{(state, OsEvent.FOUND): OsState.COMMITTED for state in OsState},
    }
)
"""Every change there is; what does not stand here cannot happen."""

AT_REST: Final = frozenset(_AT_REST)
"""Nothing is under way: a newer image may be taken."""
