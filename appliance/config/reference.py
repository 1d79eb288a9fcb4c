"""The technician's reference of the site YAML: one table a section, made from the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from appliance.config.json_schema import site_schema

_HEAD: Final = """\
<!-- Made by `make docs` from appliance/config/. Edits here are lost. -->
# Every key of the site YAML

A key in **bold** must be there; any other may be left out, and its default then holds. In an
editor that knows JSON Schema, `site.schema.json` gives the same while you type.
[How to work with the file](03-site-yaml.md).
"""
_TYPES: Final = {"integer": "whole number", "number": "number", "boolean": "true or false"}

_QUOTED: Final = frozenset({"AE-title", "time-of-day"})
"""Texts that YAML would often take for a number."""

_Node = Mapping[str, Any]


def reference() -> str:
    """The whole page, in Markdown."""
    schema = site_schema()
    top = {name: key for name, key in schema["properties"].items() if not _inner(key)}
    lines = [_HEAD, "## Top of the file", "", *_table({**schema, "properties": top})]
    for name, key in schema["properties"].items():
        lines += _sections(name, key, required=name in schema["required"])
    return "\n".join(lines) + "\n"


def _sections(path: str, key: _Node, *, required: bool) -> Iterator[str]:
    """The section of a key and those within it; nothing for a key that is no section."""
    inner = _inner(key)
    if inner is None:
        return
    items = " (a list; this is each item)" if key["type"] == "array" else ""
    must = "must be there" if required or key.get("minItems") else "may be left out"
    yield from ("", f"## `{path}`{items}", "", f"{key['description']}. It {must}.", "")
    yield from _table(inner)
    for name, below in inner["properties"].items():
        yield from _sections(f"{path}.{name}", below, required=name in inner.get("required", ()))


def _table(section: _Node) -> Iterator[str]:
    yield "| key | what it is for | what stands there | default | example |"
    yield "|---|---|---|---|---|"
    for name, key in section["properties"].items():
        must = "**" if name in section.get("required", ()) else ""
        cells = (
            f"{must}`{name}`{must}",
            key["description"],
            _kind(key),
            _default(key),
            _example(key),
        )
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _inner(key: _Node) -> _Node | None:
    """The section that a key holds, alone or in a list."""
    node = key["items"] if key["type"] == "array" else key
    return node if "properties" in node else None


def _kind(key: _Node) -> str:
    if _inner(key) is not None:
        return "section, see below"
    if key["type"] == "array":
        return f"list of: {_kind(key['items'])}"
    if "enum" in key:
        return "one of " + ", ".join(f"`{choice}`" for choice in key["enum"])
    words = _TYPES.get(key["type"]) or str(key.get("format", "text")).replace("-", " ")
    if "minimum" in key:
        return f"{words}, {key['minimum']} to {key['maximum']}"
    return words


def _default(key: _Node) -> str:
    return f"`{_yaml(key['default'])}`" if "default" in key else ""


def _example(key: _Node) -> str:
    if _inner(key) is not None or "examples" not in key:
        return ""
    example = key["examples"][0]
    quoted = key.get("format") in _QUOTED
    return f"`{json.dumps(example) if quoted else _yaml(example)}`"


def _yaml(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
