"""What keys of the site YAML say together: references, names used twice, contradictions.

The checks read plain data and skip what is not there or of another kind, so that they run beside
the schema's own and a technician sees all faults at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.config.document import Document, Plain
from appliance.config.faults import KeyPath
from appliance.config.receiving import Dicom, ListenerLimits
from appliance.config.retention import Retention
from appliance.config.schema import Completeness
from appliance.phantom import CALLING_AE_TITLE

_UNIQUE: Final = (
    ("dicom.modalities.*.ae_title", "give each modality an AE title of its own"),
    ("pacs.*.name", "give each PACS a name of its own"),
    ("printers.*.name", "give each printer a name of its own"),
    ("urgency.*.name", "give each line a name of its own"),
    ("packs.use.*.name", "keep one entry for each pack"),
)
_CONDITIONS: Final = {"bones", "types", "level", "minimum_score", "minimum_count"}
_COMPUTES_ON: Final = {"openvino": ("cpu", "gpu", "npu"), "onnxruntime": ("cpu", "cuda")}


def cross_check(document: Document) -> None:
    """Add every contradiction between keys to the document's faults."""
    for check in (
        _names,
        _reserved,
        _printers,
        _steps,
        _mailed,
        _listeners,
        _mail,
        _waiting,
        _watermarks,
        _packs,
        _restarts,
        _urgency,
    ):
        for path, problem, fix in check(document.content):
            document.add(path, problem, fix)


_Found = Iterator[tuple[KeyPath, str, str]]


def _names(content: Plain) -> _Found:
    for pattern, fix in _UNIQUE:
        seen: set[str] = set()
        for path, name in _texts(content, pattern):
            if name in seen:
                yield path, "the same name as an earlier entry", fix
            seen.add(name)


def _reserved(content: Plain) -> _Found:
    for path, title in _texts(content, "dicom.modalities.*.ae_title"):
        if title == CALLING_AE_TITLE:
            yield path, "reserved for `osteon check`", "give the modality another AE title"


def _printers(content: Plain) -> _Found:
    known = {name for _, name in _texts(content, "printers.*.name")}
    for path, name in _texts(content, "alerts.steps.*.printers.*"):
        if name not in known:
            listed = f"use one of {', '.join(sorted(known))}, or add it" if known else "add it"
            yield path, "no printer has this name", f"{listed} under `printers`"


def _steps(content: Plain) -> _Found:
    for path, step in _select(content, "alerts.steps.*"):
        if isinstance(step, dict) and not step.get("email") and not step.get("printers"):
            yield path, "this step tells nobody", "add `email` or `printers` to it, or take it out"


def _mailed(content: Plain) -> _Found:
    steps = [step for _, step in _select(content, "alerts.steps.*") if isinstance(step, dict)]
    if steps and not any(step.get("email") for step in steps):
        fix = "add `email` to a step: what could not be read may have no page to print"
        yield ("alerts", "steps"), "no step has an address for mails", fix


def _listeners(content: Plain) -> _Found:
    plain = _number(content, "dicom.port", Dicom.model_fields["port"].default)
    for path, port in _select(content, "dicom.tls.port"):
        if port == plain:
            fix = f"the plain listener has {plain:g}: use another one, such as 2762"
            yield path, "both listeners have the same port", fix
    for path, required in _select(content, "dicom.tls.require_client_certificate"):
        if required is True and not list(_select(content, "dicom.tls.ca_file")):
            fix = "add `ca_file` with the authority that signed them"
            yield path, "client certificates cannot be verified", fix
    most = _number(
        content, "dicom.limits.associations", ListenerLimits.model_fields["associations"].default
    )
    modalities = len(list(_select(content, "dicom.modalities.*")))
    if most < modalities:
        path = ("dicom", "limits", "associations")
        problem = f"fewer associations than the {modalities} modalities"
        yield path, problem, f"allow at least {modalities}: each keeps a place of its own"


def _mail(content: Plain) -> _Found:
    for path, _ in _select(content, "mail.password_file"):
        if not list(_select(content, "mail.login")):
            yield path, "a password without a login", "add `login`, or take the password out"


def _waiting(content: Plain) -> _Found:
    quiet, longest = (
        _number(content, f"completeness.{name}", Completeness.model_fields[name].default)
        for name in ("quiet_seconds", "longest_wait_seconds")
    )
    if quiet > longest:
        path = ("completeness", "quiet_seconds")
        yield path, "longer than the longest wait", f"write at most {longest:g}"


def _watermarks(content: Plain) -> _Found:
    high, low = (
        _number(content, f"retention.disk_{name}_percent", default)
        for name, default in (
            ("high", Retention.model_fields["disk_high_percent"].default),
            ("low", Retention.model_fields["disk_low_percent"].default),
        )
    )
    if low >= high:
        path = ("retention", "disk_low_percent")
        yield path, "not below the high watermark", f"write less than {high:g}"


def _packs(content: Plain) -> _Found:
    for path, device in _texts(content, "packs.use.*.device"):
        for _, runtime in _texts(content, ".".join(map(str, (*path[:-1], "runtime")))):
            able = _COMPUTES_ON.get(runtime)
            if able and device not in {"auto", *able}:
                fix = f"write auto, {' or '.join(able)}, or let `runtime` be auto"
                yield path, f"{runtime} does not compute on this device", fix


def _restarts(content: Plain) -> _Found:
    for _, update in _select(content, "update"):
        if not isinstance(update, dict):
            continue
        named = {key for key in ("restart_from", "restart_until") if update.get(key) is not None}
        if len(named) == 1:
            fix = "give both, or leave out both"
            yield ("update", *named), "a time to restart needs a beginning and an end", fix


def _urgency(content: Plain) -> _Found:
    rules = [(path, rule) for path, rule in _select(content, "urgency.*") if isinstance(rule, dict)]
    for path, rule in rules:
        if rule.get("name") == "otherwise" and _CONDITIONS & rule.keys():
            fix = "take its conditions out, or give it another name"
            yield path, "the last line of the table, `otherwise`, must fit every finding", fix
    for path, rule in rules[:-1]:
        if rule.get("name") != "otherwise" and not _CONDITIONS & rule.keys():
            fix = "give it a condition, or move it to the end"
            yield path, "this line fits every finding, so none after it is ever reached", fix


def _select(content: Plain, pattern: str) -> Iterator[tuple[KeyPath, Plain]]:
    """Every value at a path; `*` stands for each item of a list, a number for one item."""
    found: list[tuple[KeyPath, Plain]] = [((), content)]
    for part in pattern.split("."):
        below: list[tuple[KeyPath, Plain]] = []
        for path, value in found:
            if isinstance(value, dict) and part in value:
                below.append(((*path, part), value[part]))
            elif isinstance(value, list) and part == "*":
                below.extend(((*path, number), item) for number, item in enumerate(value))
            elif isinstance(value, list) and part.isdigit():
                below.append(((*path, int(part)), value[int(part)]))
        found = below
    yield from found


def _texts(content: Plain, pattern: str) -> Iterator[tuple[KeyPath, str]]:
    return ((path, text) for path, text in _select(content, pattern) if isinstance(text, str))


def _number(content: Plain, pattern: str, default: float) -> float:
    for _, value in _select(content, pattern):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
    return default
