"""The roles of the repository as one table: who signs what, how many of them, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from appliance.update.layout import DELEGATED_PATHS, MODELS_ROLE, OS_ROLE, ROLLOUT_ROLE


@dataclass(frozen=True, slots=True)
class RoleRule:
    """One role.

    delegator: the role that names its keys (root names its own).
    keys, threshold: how many keys it has after the ceremony, how many of them must sign.
    days: until its metadata expire.
    paths: the targets that it may sign for, as TUF path patterns; a wildcard stays in its folder.
    is_online: its key lies on the release machine, since what it says changes all the time.
    """

    name: str
    delegator: str
    keys: int
    threshold: int
    days: int
    paths: tuple[str, ...] = ()
    is_online: bool = False


ROOT: Final = "root"
TARGETS: Final = "targets"
SNAPSHOT: Final = "snapshot"
TIMESTAMP: Final = "timestamp"

RULES: Final = {
    rule.name: rule
    for rule in (
        RoleRule(ROOT, ROOT, 3, 2, 540),
        RoleRule(TARGETS, ROOT, 3, 2, 180),
        RoleRule(MODELS_ROLE, TARGETS, 3, 2, 180, DELEGATED_PATHS[MODELS_ROLE]),
        RoleRule(OS_ROLE, TARGETS, 3, 2, 180, DELEGATED_PATHS[OS_ROLE]),
        RoleRule(ROLLOUT_ROLE, TARGETS, 1, 1, 30, DELEGATED_PATHS[ROLLOUT_ROLE], is_online=True),
        RoleRule(SNAPSHOT, ROOT, 1, 1, 30, is_online=True),
        RoleRule(TIMESTAMP, ROOT, 1, 1, 10, is_online=True),
    )
}
USB_DAYS: Final = 90
"""How long the timestamp of a USB export holds: a stick travels for weeks."""
