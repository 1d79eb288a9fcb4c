"""Domain values as bytes for the ledgers: the type's name on one line, then its JSON."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from appliance.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

Value = TypeVar("Value")


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def encode(value: object) -> bytes:
    """A frozen dataclass of `appliance.domain` as bytes."""
    kind = type(value)
    return kind.__name__.encode() + b"\n" + _adapter(kind).dump_json(value)  # type: ignore[arg-type]  # mypy holds a metaclass for unhashable


def decode(content: bytes, kinds: Iterable[type[Value]]) -> Value:
    """The value, of one of the given types. Raises StorageError("ledger-broken") for any other."""
    name, _, body = content.partition(b"\n")
    try:
        kind = {kind.__name__.encode(): kind for kind in kinds}[name]
        value: Value = _adapter(kind).validate_json(body)  # type: ignore[arg-type]  # likewise
    except (KeyError, ValidationError) as error:
        raise StorageError("ledger-broken", type(error).__name__) from error
    return value
