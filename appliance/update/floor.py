"""The floor below which a box accepts nothing, whatever became of its cache of metadata. Pure.

TUF's client protects against rollback as long as its cache lives. The floor is kept apart from it
and sealed with the device's key. It knows the highest versions seen, the latest signed evidence of
time, and the lowest rollback index that a pack may have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from appliance.errors import UpdateError
from appliance.update.layout import ISSUED
from appliance.update.slots import Slot
from appliance.update.states import UpdateState
from appliance.update.times import from_iso

TIMESTAMP = "timestamp"
SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one refresh has shown, all of it verified.

    versions: of timestamp, snapshot, and each role that the snapshot lists.
    """

    root: int
    timestamp_keys: frozenset[str]
    snapshot_keys: frozenset[str]
    offline_time: float
    versions: Mapping[str, int] = field(default_factory=dict)
    online_time: float = 0.0


@dataclass(frozen=True, slots=True)
class Floor:
    """What was seen before, and what packs have been committed.

    offline_time, online_time: latest signing, in wall seconds, of root or targets, and of snapshot
    or timestamp. packs: lowest rollback index by name of a pack or system image. All zero and empty
    at first.
    """

    root: int = 0
    timestamp_keys: frozenset[str] = frozenset()
    snapshot_keys: frozenset[str] = frozenset()
    versions: Mapping[str, int] = field(default_factory=dict)
    offline_time: float = 0.0
    online_time: float = 0.0
    packs: Mapping[str, int] = field(default_factory=dict)

    def now(self, clock: float) -> float:
        """The time to judge expiry by: the clock, or the latest signed evidence if that is later.

        A clock at 1970 does no harm then. One at 2099 refuses everything until it is mended, and
        leaves nothing behind: only signed evidence raises the stored times.
        """
        return max(clock, self.offline_time, self.online_time)

    def under(self, root: Root) -> Floor:
        """The floor that holds under this root.

        A root that takes a key from timestamp or snapshot resets what these roles have said
        (TUF 1.0, 5.3.11): so a box recovers from versions and times that a thief drove up.

        Raises:
            UpdateError: `update-below-floor`, for a root older than one seen before.
        """
        if root.version < self.root:
            raise UpdateError("update-below-floor", f"root {root.version}, seen {self.root}")
        floor = self
        if _rotated(self.timestamp_keys, root, TIMESTAMP):
            kept = {
                role: version
                for role, version in floor.versions.items()
                if role not in {TIMESTAMP, SNAPSHOT}
            }
            floor = replace(floor, versions=kept, online_time=0.0)
        if _rotated(self.snapshot_keys, root, SNAPSHOT):
            kept = {role: version for role, version in floor.versions.items() if role == TIMESTAMP}
            floor = replace(floor, versions=kept, online_time=0.0)
        return floor

    def raised(self, seen: Seen) -> Floor:
        """The floor after a refresh; `self` must be the one that holds under its root.

        Raises:
            UpdateError: `update-below-floor`, any version lower than before, or a role gone.
        """
        for role, version in sorted(self.versions.items()):
            now = seen.versions.get(role)
            if now is None or now < version:
                raise UpdateError("update-below-floor", f"{role} {now or 'gone'}, seen {version}")
        return replace(
            self,
            root=seen.root,
            timestamp_keys=seen.timestamp_keys,
            snapshot_keys=seen.snapshot_keys,
            versions=dict(seen.versions),
            offline_time=max(self.offline_time, seen.offline_time),
            online_time=max(self.online_time, seen.online_time),
        )

    def after_commits(self, slots: Mapping[str, Slot]) -> Floor:
        """Raised to what is kept beside each committed pack, so that going back stays legal."""
        floor = self
        for name, slot in slots.items():
            if slot.state is UpdateState.COMMITTED:
                floor = floor.at_least(name, min(pack.rollback_index for pack in slot.kept))
        return floor

    def at_least(self, name: str, index: int) -> Floor:
        """With this rollback index, or a higher one, as the lowest of a pack or system image."""
        return replace(self, packs={**self.packs, name: max(self.packs.get(name, 0), index)})


def seen(root: Root, timestamp: Timestamp, snapshot: Snapshot, targets: Targets) -> Seen:
    """What a verified set of metadata shows."""
    versions = {
        TIMESTAMP: timestamp.version,
        SNAPSHOT: snapshot.version,
        **{name.removesuffix(".json"): meta.version for name, meta in snapshot.meta.items()},
    }
    return Seen(
        root=root.version,
        timestamp_keys=_keys(root, TIMESTAMP),
        snapshot_keys=_keys(root, SNAPSHOT),
        offline_time=max(issued(root), issued(targets)),
        versions=versions,
        online_time=max(issued(timestamp), issued(snapshot)),
    )


def issued(signed: Root | Targets | Timestamp | Snapshot) -> float:
    """When it was signed, as it says itself; 0 where it says nothing that can be."""
    try:
        when = from_iso(signed.unrecognized_fields[ISSUED])
    except (KeyError, TypeError, ValueError):
        return 0.0
    return when if when <= signed.expires.timestamp() else 0.0


def _keys(root: Root, role: str) -> frozenset[str]:
    return frozenset(root.roles[role].keyids)


def _rotated(before: frozenset[str], root: Root, role: str) -> bool:
    return not before <= _keys(root, role)
