"""Which connections may be open: places for associations, and a pool for those without one.

Peers that connect and stay silent, or drip, only ever fill the pool. When it is full, the one that
has waited longest goes, strangers first: a modality needs milliseconds there and always gets in.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.pipeline.receive.connection import Connection
    from appliance.pipeline.receive.peers import Address
    from appliance.pipeline.receive.settings import Limits, Peer


@dataclass(frozen=True, slots=True)
class Waiting:
    """A connection without an association, by age; `key` tells it from the others."""

    key: int
    address: Address
    is_known: bool


def to_evict(waiting: Iterable[Waiting], limits: Limits) -> Waiting | None:
    """Whom to drop from a pool that is over a limit, or None. `waiting`: the oldest first."""
    pool = list(waiting)
    of_address = Counter(each.address for each in pool)
    for each in pool:
        if of_address[each.address] > limits.waiting_per_address:
            return each
    if len(pool) <= limits.waiting:
        return None
    return next((each for each in pool if not each.is_known), pool[0])


def may_sit(peer: Peer, seated: Counter[Peer], known: Iterable[Peer], limits: Limits) -> bool:
    """Whether this peer gets one more place: each known peer without one keeps one in reserve."""
    peers = set(known)
    places = max(limits.associations, len(peers))
    if seated[peer] >= limits.associations_per_peer:
        return False
    others_without = sum(1 for each in peers if each != peer and not seated[each])
    reserved = others_without if seated[peer] else 0
    return seated.total() + reserved < places


class Admission:
    """The open connections of all listeners. Safe to use from any thread."""

    def __init__(
        self, limits: Limits, peers: Iterable[Peer], is_known: Callable[[Address], bool]
    ) -> None:
        self._limits = limits
        self._peers = frozenset(peers)
        self._is_known = is_known
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[Waiting, Connection]] = {}
        self._seated: dict[int, tuple[Peer, Connection]] = {}

    def adopt(
        self, limits: Limits, peers: Iterable[Peer], is_known: Callable[[Address], bool]
    ) -> None:
        """Other rules from here on; whoever has a place keeps it."""
        with self._lock:
            self._limits, self._peers, self._is_known = limits, frozenset(peers), is_known

    def wait(self, connection: Connection) -> None:
        """Take a new connection, or one whose association has ended, into the pool."""
        with self._lock:
            self._seated.pop(id(connection), None)
            entry = Waiting(id(connection), connection.address, self._is_known(connection.address))
            self._waiting[entry.key] = (entry, connection)
            while evicted := to_evict((each for each, _ in self._waiting.values()), self._limits):
                self._waiting.pop(evicted.key)[1].interrupt()

    def sit(self, connection: Connection, peer: Peer) -> bool:
        """Give a connection a place as an association; False when there is none for it."""
        with self._lock:
            seated = Counter(each for each, _ in self._seated.values())
            if not may_sit(peer, seated, self._peers, self._limits):
                return False
            self._waiting.pop(id(connection), None)
            self._seated[id(connection)] = (peer, connection)
            return True

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        with self._lock:
            self._waiting.pop(id(connection), None)
            self._seated.pop(id(connection), None)

    def drop_oldest(self) -> None:
        """Make room when the machine itself has run out of it."""
        with self._lock:
            for key, (_, connection) in self._waiting.items():
                del self._waiting[key]
                connection.interrupt()
                return

    def interrupt_all(self) -> None:
        """End every connection; each one's thread closes it."""
        with self._lock:
            for _, connection in (*self._waiting.values(), *self._seated.values()):
                connection.interrupt()
