"""What pydantic found, in a technician's words: problem and fix, at a line of the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from appliance.config.document import Document
from appliance.config.example import one_line
from appliance.config.faults import KeyPath, key_text, names_secret
from appliance.config.option import Section, bounds, section_of
from appliance.config.schema import Site

_NEAR: Final = 0.6
_KINDS: Final[Mapping[str, str]] = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def explain(error: ErrorDetails, document: Document) -> None:
    """Add one of pydantic's errors to the document's faults, unless a deeper cause is known."""
    path: KeyPath = error["loc"]
    if any(path[:length] in document.faulty for length in range(len(path) + 1)):
        return
    match error["type"]:
        case "extra_forbidden":
            problem, fix = _unknown(path)
            document.add(path, problem, fix, document.keys.get(path))
        case "missing":
            place = document.keys.get(path[:-1])
            document.add(path, "this key is missing", f"add {_how_to_write(path)}", place)
        case kind if kind in _KINDS:
            document.add(path, *_wrong_kind(kind, path, error["input"]))
        case "too_short" if error["input"]:
            return  # pydantic did not count the items that it refused
        case "too_short":
            document.add(path, "this list is empty", f"add an item: {_how_to_write(path)}")
        case "osteon":
            document.add(path, error["msg"], str(error["ctx"]["fix"]))
        case _:
            problem = _first_small(error["msg"]).replace("input should be", "this must be")
            document.add(path, problem, f"write {_how_to_write(path)}")


def _wrong_kind(kind: str, path: KeyPath, given: object) -> tuple[str, str]:
    wanted = _KINDS[kind]
    problem = f"{_named(given)} stands here, but {wanted} is wanted"
    if kind == "string_type" and isinstance(given, (bool, int, float)):
        return problem, "put it in quotes"
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(given, str):
        return problem, f"write it without quotes: {_how_to_write(path)}"
    if kind == "tuple_type":
        return problem, f"write it as a list: {_how_to_write(path)}"
    return problem, f"write {_how_to_write(path)}"


def _named(given: object) -> str:
    match given:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _unknown(path: KeyPath) -> tuple[str, str]:
    name = str(path[-1])
    section = _section(path[:-1])
    known = list(section.model_fields) if section else []
    if near := difflib.get_close_matches(name.lower().replace("-", "_"), known, 1, _NEAR):
        return "this key is unknown", f"did you mean `{near[0]}`?{_secret(name)}"
    if elsewhere := [key_text(other) for other in _all_keys(Site) if other[-1] == name]:
        fix = f"it belongs to {elsewhere[0]}: check the indentation"
        return "this key is unknown here", fix
    if secret := _secret(name):
        return "this key is unknown", secret.strip()
    return "this key is unknown", f"take it out; known here: {', '.join(known)}"


def _secret(name: str) -> str:
    if names_secret(name):
        return " A secret never stands in this file, but in one of its own with mode 600"
    return ""


def _how_to_write(path: KeyPath) -> str:
    """`key: example` with what is allowed there and what it is for."""
    info = _field(path)
    if info is None:
        return "a value as in `osteon config example`"
    name = next(part for part in reversed(path) if isinstance(part, str))
    limits = bounds(info)
    allowed = f"{limits[0]} to {limits[1]}" if limits else ""
    return f"`{name}: {one_line(info)}` ({', '.join(filter(None, (allowed, info.description)))})"


def _first_small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _field(path: KeyPath) -> FieldInfo | None:
    """The schema's field at a path; for an item of a list, the list's field."""
    names = [number for number, part in enumerate(path) if isinstance(part, str)]
    if not names:
        return None
    section = _section(path[: names[-1]])
    return section.model_fields.get(str(path[names[-1]])) if section else None


def _section(path: KeyPath) -> type[Section] | None:
    section: type[Section] | None = Site
    for part in path:
        if isinstance(part, str) and section is not None:
            info = section.model_fields.get(part)
            section = section_of(info.annotation) if info else None
    return section


def _all_keys(section: type[Section], path: KeyPath = ()) -> Iterator[KeyPath]:
    for name, info in section.model_fields.items():
        yield (*path, name)
        inner = section_of(info.annotation)
        if inner:
            yield from _all_keys(inner, (*path, name))
