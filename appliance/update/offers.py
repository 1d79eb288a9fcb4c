"""What the update unit offers to the analyser: one durable file, written by the one, read by both.

An offer is a pack that lies whole and verified in the store. The analyser believes none of it
blindly: it opens the pack with its own trust, and decides alone when to take it up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from appliance.errors import StorageError
from appliance.storage import storage_error, write_durably

_FORMAT: Final = 1
_FOR_THE_GROUP: Final = 0o640


@dataclass(frozen=True, slots=True)
class Offer:
    """A pack that this box is meant to use. `offered_at`: wall seconds since 1970."""

    name: str
    version: str
    digest: str
    rollback_index: int
    offered_at: float


@dataclass(frozen=True, slots=True)
class Offers:
    """At most one offer for each pack name, and the digests that must not be used any more."""

    offers: Mapping[str, Offer] = field(default_factory=dict)
    recalled: frozenset[str] = frozenset()


def read_offers(path: Path) -> Offers:
    """The offers; none where there is no file yet.

    Raises:
        StorageError: `update-offers-broken`; `storage-failed`.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Offers()
    except OSError as error:
        raise storage_error(error) from error
    try:
        return _offers(**json.loads(content))
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError("update-offers-broken", type(error).__name__) from None


def write_offers(path: Path, offers: Offers) -> None:
    """Replace the offers as a whole. Raises StorageError: `disk-full`, `storage-failed`."""
    tree = {
        "format": _FORMAT,
        "offers": [asdict(offer) for _, offer in sorted(offers.offers.items())],
        "recalled": sorted(offers.recalled),
    }
    write_durably(path, json.dumps(tree, indent=1).encode() + b"\n", mode=_FOR_THE_GROUP)


def _offers(*, format: int, offers: list[dict[str, Any]], recalled: list[str]) -> Offers:  # noqa: A002 - the file's key
    if format != _FORMAT:
        raise ValueError("format")
    return Offers({each["name"]: _offer(**each) for each in offers}, frozenset(recalled))


def _offer(
    *, name: str, version: str, digest: str, rollback_index: int, offered_at: float
) -> Offer:
    return Offer(str(name), str(version), str(digest), int(rollback_index), float(offered_at))
