"""The site YAML as a JSON Schema, so that an editor completes and underlines while one types.

It is looser than `osteon config check`: what keys say together, and the surprises of YAML, no
schema can tell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from appliance.config.schema import Site

FILE_NAME: Final = "site.schema.json"

_DIALECT: Final = "http://json-schema.org/draft-07/schema#"
_OF_PYDANTIC: Final = frozenset({"title", "shown", "quoted", "unit", "$ref"})


def json_schema() -> str:
    """The schema as a file; draft 7 without references, which every editor understands."""
    schema = {"$schema": _DIALECT, "title": "Site YAML of Osteon", **site_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def site_schema() -> dict[str, Any]:
    """The same as plain data. `format` names the kind of a text."""
    raw = Site.model_json_schema()
    sections = raw.pop("$defs")
    schema: dict[str, Any] = _plain(raw, sections)
    return schema


def _plain(node: Any, sections: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(node, list):
        return [_plain(item, sections) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {**sections[node["$ref"].rpartition("/")[2]], **node}
    if "anyOf" in node:
        # A key without a value is a fault in this YAML: it is left out instead.
        (only,) = (kind for kind in node["anyOf"] if kind != {"type": "null"})
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return _plain({**only, **rest}, sections)
    if unit := node.get("unit"):
        node = {**node, "description": f"{node['description']} ({unit})"}
    return {
        key: _properties(value, sections) if key == "properties" else _plain(value, sections)
        for key, value in node.items()
        if key not in _OF_PYDANTIC and not _says_nothing(key, value)
    }


def _properties(keys: Mapping[str, Any], sections: Mapping[str, Any]) -> dict[str, Any]:
    """By name: a key may be called like a word of JSON Schema."""
    return {name: _plain(value, sections) for name, value in keys.items()}


def _says_nothing(key: str, value: object) -> bool:
    """Defaults and examples of whole sections: their keys have their own."""
    if key == "default":
        return not isinstance(value, (str, int, float, bool))
    return key == "examples" and value == [{}]
