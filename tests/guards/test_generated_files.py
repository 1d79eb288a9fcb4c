"""What is generated from the schema and the catalogues is committed as it would be made now."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from appliance.config.example import example_yaml
from appliance.config.json_schema import json_schema
from appliance.config.option import Section, section_of
from appliance.config.reference import reference
from appliance.config.schema import Site
from appliance.error_catalogue import CATALOGUE
from appliance.manual import codes, pages
from appliance.reasons import REASONS

PROVISIONING = Path(__file__).parents[2] / "provisioning"


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_committed_file_is_what_make_docs_writes(name: str) -> None:
    assert (PROVISIONING / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def _keys(section: type[Section], path: str = "") -> list[str]:
    found = []
    for name, info in section.model_fields.items():
        inner = section_of(info.annotation)
        found += [f"{path}{name}", *(_keys(inner, f"{path}{name}.") if inner else [])]
    return found


def test_the_schema_and_the_reference_know_every_key() -> None:
    page = reference()
    for key in _keys(Site):
        node: Any = json.loads(json_schema())
        for name in key.split("."):
            node = node.get("items", node)["properties"][name]
        assert node["description"] in page
        section, _, name = key.rpartition(".")
        heading = f"## `{section}`" if section else "# Every key"
        assert heading in page
        assert f"`{name}`" in page or f"## `{name}`" in page, key


def test_every_code_has_its_line() -> None:
    page = codes()
    for code in (*CATALOGUE, *REASONS):
        assert f"| `{code}` |" in page


def _complaints(node: Any, value: Any, path: str = "") -> list[str]:
    """What a validator of the few words that the schema uses would say."""
    if "enum" in node and value not in node["enum"]:
        return [f"{path}: not one of {node['enum']}"]
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    if not isinstance(value, kinds[node["type"]]):
        return [f"{path}: not {node['type']}"]
    if isinstance(value, dict):
        known = node["properties"]
        missing = [f"{path}.{name}: missing" for name in set(node.get("required", ())) - set(value)]
        unknown = [f"{path}.{name}: unknown" for name in set(value) - set(known)]
        inner = [
            _complaints(known[name], value[name], f"{path}.{name}") for name in known.keys() & value
        ]
        return [*missing, *unknown, *(one for found in inner for one in found)]
    if isinstance(value, list):
        inner = [_complaints(node["items"], item, f"{path}[]") for item in value]
        return [one for found in inner for one in found]
    return []


def test_the_schema_takes_the_example_and_refuses_a_wrong_key() -> None:
    schema = json.loads(json_schema())
    content = yaml.safe_load(example_yaml())
    assert _complaints(schema, content) == []
    content["dicom"]["prot"] = 104
    assert _complaints(schema, content) == [".dicom.prot: unknown"]


def test_the_schema_uses_no_word_that_the_check_above_does_not_know() -> None:
    def words(node: Any) -> set[str]:
        inner = [
            *node.get("properties", {}).values(),
            *([node["items"]] if "items" in node else []),
        ]
        return set(node) | {word for each in inner for word in words(each)}

    assert words(json.loads(json_schema())) <= {
        *("$schema", "title", "type", "description", "default", "examples", "enum", "format"),
        *("properties", "required", "additionalProperties", "items", "minItems"),
        *("minimum", "maximum", "pattern"),
    }
