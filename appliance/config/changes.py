"""What differs between two site YAMLs, key by key, and what each difference restarts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from appliance.config.faults import names_secret
from appliance.config.schema import Site

_NAMES: Final = ("name", "ae_title")
_HIDDEN: Final = "(not shown)"


class Effect(StrEnum):
    """What it takes for a changed key to be in use; each includes those above it."""

    RELOAD = "reload"
    """Nothing restarts: open associations, analyses and deliveries go on."""
    DELIVER = "deliver"
    """The deliverer restarts: what waits to be told goes out afterwards."""
    SOCKETS = "sockets"
    """The listening sockets are bound anew: open associations end."""
    BOX = "box"
    """Every role restarts."""


_RESTARTS: Final = {
    "dicom.address": Effect.SOCKETS,
    "dicom.port": Effect.SOCKETS,
    "dicom.tls.port": Effect.SOCKETS,
    "state_folder": Effect.BOX,
    "master_key_file": Effect.BOX,
    "device_key_file": Effect.BOX,
    "audit.syslog.host": Effect.DELIVER,
    "audit.syslog.port": Effect.DELIVER,
    "audit.syslog.ca_file": Effect.DELIVER,
    "health.metrics_port": Effect.DELIVER,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs. `None` stands for a key, or an item of a list, that is not there."""

    key: str
    """Such as `dicom.port` or `printers[night-desk].uri`; items without a name count from 1."""
    before: str | None
    after: str | None
    effect: Effect


def changes(before: Site, after: Site) -> tuple[Change, ...]:
    """Every key that differs, in the order of the schema. A secret's value is never in it."""
    old, new = dict(_flat("", _plain(before))), dict(_flat("", _plain(after)))
    keys = [*old, *(key for key in new if key not in old)]
    values = (
        Change(key, _shown(key, old.get(key)), _shown(key, new.get(key)), _effect(key))
        for key in keys
        if old.get(key) != new.get(key)
    )
    return (*values, *_turned(_plain(before), _plain(after)))


def awaiting_restart(started: Site, now: Site) -> tuple[Change, ...]:
    """What a reload could not put into use, of a role that started with the first of the two."""
    return tuple(each for each in changes(started, now) if each.effect is not Effect.RELOAD)


def _plain(site: Site) -> dict[str, Any]:
    plain: dict[str, Any] = site.model_dump(mode="json")
    return plain


def _flat(path: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case None:
            return
        case dict():
            for name, inner in value.items():
                yield from _flat(f"{path}.{name}" if path else name, inner)
        case list() if value and isinstance(value[0], dict):
            for number, item in enumerate(value, start=1):
                yield from _flat(f"{path}[{_label(item, number)}]", item)
        case list():
            yield path, ", ".join(map(str, value))
        case bool():
            yield path, str(value).lower()
        case _:
            yield path, str(value)


def _turned(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Lists with the same items in another order, which may decide (as in `urgency`)."""
    old, new = dict(_orders("", before)), dict(_orders("", after))
    for path in sorted(old.keys() & new.keys()):
        was = [label for label in old[path] if label in new[path]]
        will = [label for label in new[path] if label in old[path]]
        if was != will:
            key = f"{path} (order)"
            yield Change(key, ", ".join(was), ", ".join(will), Effect.RELOAD)


def _orders(path: str, value: object) -> Iterator[tuple[str, list[str]]]:
    """The names of the items of each list whose items have names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _orders(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list) and any(_names(item) for item in value):
        yield path, [_label(item, 0) for item in value]


def _names(item: object) -> list[str]:
    return [name for name in _NAMES if name in item] if isinstance(item, dict) else []


def _label(item: dict[str, object], number: int) -> str:
    return next((str(item[name]) for name in _names(item)), str(number))


def _shown(key: str, text: str | None) -> str | None:
    name = key.rpartition(".")[2]
    if text is None:
        return None
    if names_secret(name) and not name.endswith("_file"):
        return _HIDDEN
    # A single host, as one writes it.
    return text.removesuffix("/32").removesuffix("/128") if name == "address" else text


def _effect(key: str) -> Effect:
    return _RESTARTS.get(key, Effect.RELOAD)
