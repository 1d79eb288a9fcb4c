"""Which signed pack is meant for which box, and from when: the target of the role `rollout`. Pure.

The role's key is online and its threshold is 1: whoever steals it may choose among, halt or recall
packs that others have signed, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

from appliance.errors import UpdateError
from appliance.update.layout import is_os_name, is_pack_name, is_sha256, is_version
from appliance.update.times import from_iso, to_iso

MOST_BYTES: Final = 1 << 20
_FORMAT: Final = 1
_WHOLE: Final = 100.0
_HASH_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Wave:
    """Some boxes, from some time on. Either `devices` or `percent` says which.

    percent: of all boxes, 0 to 100; each pack draws its own order of the boxes.
    not_before: wall seconds since 1970.
    """

    not_before: float
    devices: frozenset[str] = frozenset()
    percent: float = 0.0

    def is_for(self, device_id: str, digest: str, now: float) -> bool:
        """Whether this box may take that pack now."""
        chosen = device_id in self.devices or place_in_line(device_id, digest) < self.percent
        return chosen and now >= self.not_before


@dataclass(frozen=True, slots=True)
class PackRollout:
    """The pack that is meant to be used, and by whom already."""

    digest: str
    version: str
    waves: tuple[Wave, ...]
    is_halted: bool = False

    def is_for(self, device_id: str, now: float) -> bool:
        """Whether this box may take the pack now."""
        return not self.is_halted and any(
            wave.is_for(device_id, self.digest, now) for wave in self.waves
        )


@dataclass(frozen=True, slots=True)
class Rollout:
    """The whole target. `recalled`: digests of packs that must not be used any more."""

    packs: Mapping[str, PackRollout]
    recalled: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read it strictly: a key that this release does not know refuses the whole.

        Raises:
            UpdateError: `update-rollout-invalid`.
        """
        try:
            return cls(*_parts(json.loads(content, object_pairs_hook=_once)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UpdateError("update-rollout-invalid", type(error).__name__) from None

    def to_json(self) -> bytes:
        """The target's content."""
        packs = {
            name: {
                "digest": pack.digest,
                "version": pack.version,
                "waves": [_wave_json(wave) for wave in pack.waves],
                "halted": pack.is_halted,
            }
            for name, pack in sorted(self.packs.items())
        }
        tree = {"format": _FORMAT, "packs": packs, "recalled": sorted(self.recalled)}
        return json.dumps(tree, indent=1).encode() + b"\n"


def place_in_line(device_id: str, digest: str) -> float:
    """A box's place among all boxes for a pack, 0 <= place < 100: even, and fixed for the two."""
    hashed = hashlib.sha256(f"{device_id}\n{digest}".encode()).digest()
    return _WHOLE * int.from_bytes(hashed[:_HASH_BYTES]) / 256**_HASH_BYTES


def _parts(tree: Mapping[str, Any]) -> tuple[Mapping[str, PackRollout], frozenset[str]]:
    _only(tree, {"format", "packs", "recalled"})
    if type(tree["format"]) is not int or tree["format"] != _FORMAT:
        raise ValueError("format")
    packs = {_name(name): _pack(pack) for name, pack in tree["packs"].items()}
    return MappingProxyType(packs), frozenset(_sha256(each) for each in _list(tree["recalled"]))


def _pack(tree: Mapping[str, Any]) -> PackRollout:
    _only(tree, {"digest", "version", "waves", "halted"})
    if type(tree["halted"]) is not bool or not is_version(tree["version"]):
        raise ValueError("halted or version")
    waves = tuple(_wave(wave) for wave in _list(tree["waves"]))
    return PackRollout(_sha256(tree["digest"]), tree["version"], waves, tree["halted"])


def _wave(tree: Mapping[str, Any]) -> Wave:
    not_before = from_iso(tree["not_before"])
    if "devices" in tree:
        _only(tree, {"devices", "not_before"})
        return Wave(not_before, devices=frozenset(_sha256(each) for each in _list(tree["devices"])))
    _only(tree, {"percent", "not_before"})
    percent = tree["percent"]
    if type(percent) not in {int, float} or not 0 <= percent <= _WHOLE:
        raise ValueError("percent")
    return Wave(not_before, percent=float(percent))


def _wave_json(wave: Wave) -> dict[str, Any]:
    which = {"devices": sorted(wave.devices)} if wave.devices else {"percent": wave.percent}
    return {**which, "not_before": to_iso(wave.not_before)}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two equal keys are a way to say two things to two readers."""
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key stands twice")
    return tree


def _only(tree: Mapping[str, Any], keys: set[str]) -> None:
    if set(tree) != keys:
        raise ValueError("keys")


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _name(text: Any) -> str:  # noqa: ANN401 - any JSON value
    if not (is_pack_name(text) or is_os_name(text)):
        raise ValueError("name")
    return str(text)


def _sha256(text: Any) -> str:  # noqa: ANN401 - any JSON value
    """A pack's digest, or a device id."""
    if not is_sha256(text):
        raise ValueError("SHA-256")
    return str(text)
