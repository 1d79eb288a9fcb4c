"""The life of a model pack on one box, as one table.

    factory pack:  admitted → probation → committed        (a new box is never mute)
    offered pack:  staged → admitted → shadow → probation → committed, or → reverted

A pack may alert only in PROBATION and COMMITTED. COMMITTED, REVERTED and RECALLED are at rest: only
there is nothing on trial, and only from there (or over a trial that has not alerted yet) another
offer is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class UpdateState(StrEnum):
    """Where one pack name stands on this box."""

    STAGED = "staged"
    """The candidate lies verified in the store; the active pack reads."""
    ADMITTED = "admitted"
    """The candidate passed its golden cases on this hardware."""
    SHADOW = "shadow"
    """The candidate reads after the active pack what that has reported; it never alerts."""
    PROBATION = "probation"
    """The new pack is the active one and alerts; the previous one is kept beside it."""
    COMMITTED = "committed"
    REVERTED = "reverted"
    """The newest pack failed or was taken back; the one before it reads."""
    RECALLED = "recalled"
    """The active pack may not be used and there is no other: its studies are not analysed."""


class UpdateEvent(StrEnum):
    """What moves a pack from one state to another."""

    OFFERED = "offered"
    """Another pack was chosen for this box."""
    WITHDRAWN = "withdrawn"
    """The candidate is offered no more."""
    ADMITTED = "admitted"
    """Every golden case passed, on every runtime, within memory and latency."""
    BEGUN = "begun"
    """The candidate's child is about to read beside the active pack."""
    NEEDED = "needed"
    """No other pack of that name may read: the new one goes into use without a shadow."""
    PROVED = "proved"
    """Enough studies without a fault."""
    REJECTED = "rejected"
    """The candidate failed before it was the active pack."""
    RETREATED = "retreated"
    """The active pack gave way to the previous one."""
    BLOCKED = "blocked"
    """The active pack was recalled and there is no other."""


_ON_TRIAL: Final = (UpdateState.STAGED, UpdateState.ADMITTED, UpdateState.SHADOW)
_AT_REST: Final = (UpdateState.COMMITTED, UpdateState.REVERTED, UpdateState.RECALLED)

TRANSITIONS: Final[Mapping[tuple[UpdateState, UpdateEvent], UpdateState]] = MappingProxyType(
    {
        (UpdateState.STAGED, UpdateEvent.ADMITTED): UpdateState.ADMITTED,
        (UpdateState.ADMITTED, UpdateEvent.BEGUN): UpdateState.SHADOW,
        (UpdateState.ADMITTED, UpdateEvent.NEEDED): UpdateState.PROBATION,
        (UpdateState.SHADOW, UpdateEvent.PROVED): UpdateState.PROBATION,
        (UpdateState.PROBATION, UpdateEvent.PROVED): UpdateState.COMMITTED,
        **{(state, UpdateEvent.OFFERED): UpdateState.STAGED for state in (*_AT_REST, *_ON_TRIAL)},
        **{(state, UpdateEvent.WITHDRAWN): UpdateState.COMMITTED for state in _ON_TRIAL},
        **{(state, UpdateEvent.REJECTED): UpdateState.REVERTED for state in _ON_TRIAL},
        **{
            (state, UpdateEvent.RETREATED): UpdateState.REVERTED
            for state in UpdateState
            if state is not UpdateState.RECALLED
        },
        **{(state, UpdateEvent.BLOCKED): UpdateState.RECALLED for state in UpdateState},
    }
)
"""Every change there is; what does not stand here cannot happen."""

ON_TRIAL: Final = frozenset(_ON_TRIAL)
"""A candidate waits or reads beside the active pack."""
AT_REST: Final = frozenset(_AT_REST)
"""Nothing is on trial."""

FULL_TRIES: Final = 3
"""How often a pack that has not proved itself may be loaded without then getting to work."""
