"""What differs between two site YAMLs, key by key, and what each difference restarts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
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
    return tuple(
        Change(key, _shown(key, old.get(key)), _shown(key, new.get(key)), _effect(key))
        for key in keys
        if old.get(key) != new.get(key)
    )


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
            labels = [_label(item, number) for number, item in enumerate(value, start=1)]
            if _NAMES[0] in value[0] or _NAMES[1] in value[0]:
                # Where items have names, a changed order is a change of its own: it may decide.
                yield f"{path} (order)", ", ".join(labels)
            for label, item in zip(labels, value, strict=True):
                yield from _flat(f"{path}[{label}]", item)
        case list():
            yield path, ", ".join(map(str, value))
        case bool():
            yield path, str(value).lower()
        case _:
            yield path, str(value)


def _label(item: dict[str, object], number: int) -> str:
    return next((str(item[name]) for name in _NAMES if name in item), str(number))


def _shown(key: str, text: str | None) -> str | None:
    name = key.rpartition(".")[2]
    is_hidden = names_secret(name) and not name.endswith("_file")
    return _HIDDEN if text is not None and is_hidden else text


def _effect(key: str) -> Effect:
    return _RESTARTS.get(key, Effect.RELOAD)
