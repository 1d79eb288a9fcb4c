"""From the bytes of a YAML file to plain data, each value with its place, all surprises refused.

YAML 1.1 has traps: `0104` is 68, `NO` is false, `1:30` is 90, a key written twice counts once, and
a few lines of aliases can fill the memory. Here a plain value means what it looks like, or it is a
fault. Only the part of YAML that a site file needs is taken: mappings, lists, plain values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from appliance.config.faults import Fault, KeyPath, key_text, names_secret

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

MOST_BYTES: Final = 256 * 1024
MOST_DEPTH: Final = 16
MOST_VALUES: Final = 4000
"""Far more than any site needs; a running box must have read, or refused, its file in seconds."""

_TAG: Final = "tag:yaml.org,2002:"
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z", re.ASCII)
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}\Z", re.ASCII)
_SHOWN: Final = 40
_LONGEST_KEY: Final = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """What a file holds, as far as it could be read. Where a fault lies, the content is `None`."""

    file: str
    content: Plain = None
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    """Where the key, or the list item, of each path begins."""
    values: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    faulty: set[KeyPath] = field(default_factory=set)
    """Paths whose value is a fault itself, so that nothing else need be said of it."""

    def add(self, path: KeyPath, problem: str, fix: str, place: Place | None = None) -> None:
        """Note a fault at a path: at the place given, or at the path's value, or at its parent."""
        known = path
        while known and known not in self.values:
            known = known[:-1]
        at = place or self.values.get(known, Place(1, 1))
        self.faults.append(Fault(self.file, at.line, at.column, key_text(path), problem, fix))


def read_document(raw: bytes, file: str) -> Document:
    """Read the bytes of a YAML file; `file` is its name in faults. Never raises for any content."""
    document = Document(file)
    text = _decode(raw, document)
    if text is None:
        return document
    try:
        if _is_plain_yaml(text, document):
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            if root is None:
                document.add((), "the file is empty", "start from `osteon config example`")
            else:
                document.content = _content(root, (), document)
    except yaml.reader.ReaderError as error:
        place = _place_of(text, error.position)
        fix = "delete it and type the line again"
        document.add((), "a character that YAML does not allow", fix, place)
    except yaml.MarkedYAMLError as error:
        document.add((), *_syntax(error), _place(error.problem_mark or error.context_mark))
    return document


def _decode(raw: bytes, document: Document) -> str | None:
    if len(raw) > MOST_BYTES:
        size = f"{len(raw) // 1024} KiB is too long for a site file"
        document.add((), size, f"keep it under {MOST_BYTES // 1024} KiB; is it the right file?")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        start = before.rfind(b"\n") + 1
        place = Place(before.count(b"\n") + 1, len(before[start:].decode("utf-8-sig")) + 1)
        fix = "save the file as UTF-8 in the editor"
        document.add((), f"the text is not UTF-8{_likely_encoding(raw)}", fix, place)
        return None
    if "\0" in text[:2]:  # as beside each plain character of UTF-16
        document.add((), "the text is not UTF-8 but UTF-16", "save the file as UTF-8 in the editor")
        return None
    return text


def _likely_encoding(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or 0 in raw[:2]:
        return " but UTF-16"
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    return ", perhaps GB18030"


def _is_plain_yaml(text: str, document: Document) -> bool:
    """Whether there is nothing beyond mappings, lists and values, so that composing is safe."""
    depth = documents = values = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = _place(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                document.add((), "a second YAML document begins", "take out this `---`", place)
                return False
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MOST_DEPTH:
            fix = "check the brackets and the indentation"
            document.add((), f"nested deeper than {MOST_DEPTH} levels", fix, place)
            return False
        values += isinstance(event, yaml.NodeEvent)
        if values > MOST_VALUES:
            problem = f"more than {MOST_VALUES} keys and values"
            document.add((), problem, "is it the right file?", place)
            return False
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            fix = "write the value out where it is needed"
            document.add((), "anchors (&) and aliases (*) are not used here", fix, place)
            return False
        if getattr(event, "tag", None) is not None:
            document.add((), "tags (!) are not used here", "take it out", place)
            return False
    return True


def _content(node: yaml.Node, path: KeyPath, document: Document) -> Plain:
    document.values[path] = _place(node.start_mark)
    if isinstance(node, yaml.MappingNode):
        return dict(_entries(node, path, document))
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, document)
    items: list[Plain] = []
    for number, item in enumerate(node.value):
        document.keys[(*path, number)] = _place(item.start_mark)
        items.append(_content(item, (*path, number), document))
    return items


def _entries(
    node: yaml.MappingNode, path: KeyPath, document: Document
) -> Iterator[tuple[str, Plain]]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        place = _place(key.start_mark)
        if not isinstance(key, yaml.ScalarNode):
            document.add(path, "a list or mapping stands as a key", "write one word", place)
            continue
        name: str = key.value
        if not name.isprintable() or len(name) > _LONGEST_KEY:
            document.add(path, "this is no key", "write one word", place)
            continue
        if name in seen:
            fix = f"keep one of them (the other is in line {seen[name]})"
            document.add((*path, name), "the key is written twice", fix, place)
            continue
        seen[name] = place.line
        document.keys[(*path, name)] = place
        yield name, _content(value, (*path, name), document)


def _scalar(node: yaml.ScalarNode, path: KeyPath, document: Document) -> Plain:
    """The value, if it means what it looks like."""
    text: str = node.value
    kind = node.tag.removeprefix(_TAG)
    if kind == "str" and text.isprintable():
        return text
    if kind == "int" and _WHOLE.match(text):
        return int(text)
    if kind == "float" and _DECIMAL.match(text):
        return float(text)
    if kind == "bool" and text in {"true", "false"}:
        return text == "true"
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    document.faulty.add(path)
    document.add(path, *_surprise(kind, text, "this" if names_secret(name) else shown))
    return None


def _surprise(kind: str, text: str, shown: str) -> tuple[str, str]:
    """(problem, fix) for a plain value that YAML reads as something else."""
    as_text = f'for a text put it in quotes: "{shown}"'
    match kind:
        case "str":
            problem = "a text with line breaks or characters that cannot be shown"
            fix = "write it in one line, in plain characters"
        case "null":
            problem = f"{text} is no value" if text else "nothing stands here"
            fix = "write a value, or take the key out"
        case "bool":
            meant = "true" if text.lower() in {"yes", "on", "true"} else "false"
            problem = f"{shown} without quotes is the YAML value {meant}"
            fix = f"{as_text}; for yes or no write true or false"
        case "int" | "float":
            problem = f"{shown} without quotes is {_number(text, kind)} for YAML"
            fix = f"{as_text}; for a number write plain digits, such as 104 or 0.5"
        case "timestamp":
            problem, fix = f"{shown} without quotes is a date for YAML", as_text
        case _:
            problem, fix = f"{shown} without quotes is not a text for YAML", as_text
    return problem, fix


def _number(text: str, kind: str) -> str:
    if len(text) > _SHOWN:
        return "a number too long"
    constructor = yaml.SafeLoader("")
    node = yaml.ScalarNode(_TAG + kind, text)
    try:
        value = constructor.construct_yaml_int(node) if kind == "int" else None
    except ValueError:
        value = None
    if value is None or str(value) == text:
        return "an unusual number"
    return f"the number {value}"


def _syntax(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    problem = error.problem or error.context or "not YAML"
    if "'\\t'" in problem:
        return "a tab stands where spaces belong", "indent with spaces only"
    if "mapping values are not allowed" in problem:
        fix = "put a text that holds `: ` in quotes, and check the indentation of this line"
        return "a second `:` in the line, or a wrong indentation", fix
    if problem.startswith("could not find expected ':'"):
        return "a key without `:`", "write `key: value`, with a space after the colon"
    if "found unexpected end of stream" in problem:
        return "the file ends inside quotes", "close the quotes that were opened last"
    fix = "check this line and the one above: indentation, quotes, brackets"
    return f"not YAML ({problem})", fix


def _place(mark: Any) -> Place:  # noqa: ANN401 - see below
    # PyYAML has two classes of marks; its stubs do not agree which one a node has.
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
