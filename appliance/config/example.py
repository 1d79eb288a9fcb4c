"""The example site YAML, made from the schema: every key with what it is for, in a file that works.

A key that most sites leave out stands there commented out: `#` in the first column, then the line
as it would be. Taking out that `#` puts it to use.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Final, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from appliance.config.option import Section, bounds, section_of
from appliance.config.schema import Site
from appliance.domain import Bone, FractureType

_HEAD: Final = """\
# yaml-language-server: $schema=/usr/share/osteon/site.schema.json
# The site YAML of Osteon. Made by `osteon config example`; check yours with `osteon config check`.
# Put texts such as AE titles in quotes: without them 0104, NO and 1:30 are numbers or truth values.
# Passwords and keys never stand here, but in files of mode 600 that are named here.
"""
_WIDTH: Final = 96
_STEP: Final = 2


def example_yaml() -> str:
    """A whole site file with comments. It loads as it is, and with every option taken in."""
    return _HEAD + "\n".join(_section(Site, 0, {})) + "\n"


def one_line(info: FieldInfo) -> str:
    """The example value of a key, as it is written behind the key in one line."""
    section = section_of(info.annotation)
    example = _example(info)
    if section is not None and isinstance(example, dict):
        return _flow({name: _example(key) for name, key in _required(section)})
    if section is not None and isinstance(example, list):
        return _flow(example[:1])
    return _written(info, example)


def _required(section: type[Section]) -> Iterator[tuple[str, FieldInfo]]:
    return ((name, info) for name, info in section.model_fields.items() if info.is_required())


def _section(section: type[Section], indent: int, given: Mapping[str, object]) -> Iterator[str]:
    """Every key of a section. given: values to show in place of the keys' own examples."""
    for name, info in section.model_fields.items():
        if indent == 0:
            yield ""
        shown = name in given or _extra(info)["shown"]
        lines = _key(name, info, indent, given.get(name))
        yield from lines if shown else (_commented(line) for line in lines)


def _key(name: str, info: FieldInfo, indent: int, given: object) -> Iterator[str]:
    margin = " " * indent
    yield from textwrap.wrap(
        _prose(info), _WIDTH, initial_indent=f"{margin}# ", subsequent_indent=f"{margin}# "
    )
    section = section_of(info.annotation)
    example = _example(info) if given is None else given
    if section is not None and isinstance(example, dict):
        yield f"{margin}{name}:"
        yield from _section(section, indent + _STEP, example)
    elif section is not None and isinstance(example, list):
        yield f"{margin}{name}:"
        yield from _items(section, example, indent + _STEP)
    else:
        yield f"{margin}{name}: {_written(info, example)}"


def _items(section: type[Section], items: list[dict[str, object]], indent: int) -> Iterator[str]:
    """The items of a list: the first one with every key explained, the others as they are."""
    margin = " " * indent
    first, *others = items
    keys = sorted(section.model_fields.items(), key=lambda key: key[0] not in first)
    bullet = "- "
    for name, info in keys:
        for line in _key(name, info, indent + _STEP, first.get(name)):
            is_value = bullet and not line.lstrip().startswith("#")
            text = f"{margin}{bullet if is_value else ''}{line.lstrip()}" if bullet else line
            bullet = "" if is_value else bullet
            yield text if name in first else _commented(text)
    fields = section.model_fields
    for item in others:
        lines = [f"{key}: {_written(fields[key], value)}" for key, value in item.items()]
        yield f"{margin}- {lines[0]}"
        yield from (f"{margin}  {line}" for line in lines[1:])


def _commented(line: str) -> str:
    return line if line.startswith("#") else f"#{line}"


def _extra(info: FieldInfo) -> Mapping[str, object]:
    extra = info.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _prose(info: FieldInfo) -> str:
    limits = bounds(info)
    particulars = []
    if choices := _choices(info.annotation):
        particulars.append(f"one of {', '.join(choices)}")
    if limits:
        particulars.append(f"{limits[0]} to {limits[1]} {_extra(info)['unit']}".strip())
    if isinstance(info.default, (str, int, float, bool)) and not info.is_required():
        particulars.append(f"default {_flow(info.default)}")
    return f"{info.description}" + (f" ({'; '.join(particulars)})" if particulars else "") + "."


def _choices(annotation: object) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if annotation in {Bone, FractureType}:
        return tuple(annotation)
    for inner in get_args(annotation):
        if found := _choices(inner):
            return found
    return ()


def _example(info: FieldInfo) -> object:
    return info.examples[0] if info.examples else None


def _written(info: FieldInfo, value: object) -> str:
    return json.dumps(value) if _extra(info)["quoted"] else _flow(value)


def _flow(value: object) -> str:
    """A value in one line of YAML."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
