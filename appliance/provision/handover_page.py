"""The hand-over sheet: one A4 page that says what stands here and who answers for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from appliance.alerts.catalogue import Catalogue, load
from appliance.alerts.sheet import Sheet
from appliance.alerts.times import local_time
from appliance.provision.fingerprint import grouped
from appliance.provision.handover import HandOver, KeyProtection, ModelLine
from appliance.provision.last_check import LastCheck

_VALUES_AT: Final = 0.25
_SIZE: Final = 10.0
_MOST_LINES: Final = 2
_SHRINKS_BY: Final = 1.2
_MOST_MODELS: Final = 6
_LINE: Final = _SIZE * 1.4
_GRAVEST_FIRST: Final = ("failed", "warning")
_WEAKER: Final = frozenset({KeyProtection.HOST_KEY, KeyProtection.CREDENTIAL, KeyProtection.FILE})

Row = tuple[str, str]


def render_handover(facts: HandOver) -> bytes:
    """The sheet as PDF, every font embedded; the same facts give the same bytes.

    Raises ConfigError `font-missing`.
    """
    texts = load(facts.language)
    sheet = Sheet()
    sheet.band(texts.text("handover.title"), 22)
    sheet.paragraph(facts.site, 15, bold=True, most_lines=2)
    made = texts.text("handover.made", time=local_time(facts.made_at))
    version = texts.text("page.software", version=facts.software_version)
    sheet.paragraph(f"{version} · {made}", 10)
    sheet.paragraph(texts.text("terms.disclaimer"), 13, bold=True)
    _foot(sheet, texts)
    _section(sheet, texts.text("handover.device"), _device(facts, texts))
    _section(sheet, texts.text("handover.network"), _network(facts, texts))
    _section(sheet, texts.text("handover.keeping"), _keeping(facts, texts))
    _models(sheet, facts.models, texts)
    _checks(sheet, facts.checks, texts)
    return sheet.finish()


def _device(facts: HandOver, texts: Catalogue) -> Iterator[Row]:
    device = facts.device
    if device is None:
        yield texts.text("handover.device-id"), texts.text("handover.no-identity")
        return
    yield texts.text("handover.device-id"), grouped(device.device_id)
    words = texts.text(f"handover.protection.{device.protection}")
    if device.protection.is_weaker:
        words = texts.text("handover.weaker", protection=words)
    yield texts.text("handover.device-key"), words
    yield texts.text("handover.request"), grouped(device.request_fingerprint)


def _network(facts: HandOver, texts: Catalogue) -> Iterator[Row]:
    between = texts.text("terms.list-separator")
    unknown = texts.text("handover.unknown")
    yield texts.text("handover.ae-title"), facts.ae_title
    yield texts.text("handover.address"), between.join(facts.addresses) or unknown
    yield texts.text("handover.port"), str(facts.port)
    if facts.tls is None:
        yield texts.text("handover.tls"), texts.text("handover.no-tls")
    else:
        words = texts.text("handover.tls-port", port=facts.tls.port, date=facts.tls.valid_until)
        yield texts.text("handover.tls"), words if facts.tls.certificate else unknown
        yield texts.text("handover.tls-fingerprint"), grouped(facts.tls.certificate) or unknown
    yield texts.text("handover.modalities"), between.join(facts.modalities)


def _keeping(facts: HandOver, texts: Catalogue) -> Iterator[Row]:
    words = texts.text(f"handover.protection.{facts.master_key}")
    if facts.master_key in _WEAKER:
        words = texts.text("handover.weaker", protection=words)
    yield texts.text("handover.master-key"), words
    yield texts.text("handover.site-yaml"), grouped(facts.site_yaml)


def _section(sheet: Sheet, head: str, rows: Iterable[Row]) -> None:
    _head(sheet, head)
    beside = sheet.left + _VALUES_AT * sheet.width
    width = sheet.right - beside
    for label, value in rows:
        sheet.top -= _SIZE * 1.6
        sheet.line(
            (sheet.left, sheet.top), label, 8.5, width=_VALUES_AT * sheet.width - 6, grey=0.35
        )
        first, *others = _lines(sheet, value, width)
        sheet.line((beside, sheet.top), first, _SIZE, width=width)
        for line in others:
            sheet.top -= _SIZE * 1.25
            sheet.line((beside, sheet.top), line, _SIZE, width=width)


def _lines(sheet: Sheet, value: str, width: float) -> list[str]:
    """One line where it fits when printed a little smaller, as fingerprints do; else a few."""
    if sheet.measure(value, _SIZE) <= width * _SHRINKS_BY:
        return [value]
    lines = list(sheet.broken(value, _SIZE, width))
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"{lines[_MOST_LINES - 1]}…"]
    return lines


def _head(sheet: Sheet, words: str) -> None:
    sheet.top -= 9
    sheet.rule(sheet.top)
    sheet.top -= 14
    sheet.line((sheet.left, sheet.top), words, 11, bold=True)
    sheet.top -= 2


def _models(sheet: Sheet, models: tuple[ModelLine, ...], texts: Catalogue) -> None:
    _head(sheet, texts.text("handover.models"))
    if not models:
        sheet.paragraph(texts.text("handover.no-models"), _SIZE)
    for model in models[:_MOST_MODELS]:
        sheet.top -= _SIZE * 1.6
        name = f"{model.identity.name} {model.identity.version}"
        beside = sheet.left + 0.34 * sheet.width
        sheet.line((sheet.left, sheet.top), name, _SIZE, width=0.33 * sheet.width, bold=True)
        refused = texts.text("handover.refused", code=model.refused)
        words = refused if model.refused else grouped(model.identity.digest)
        width = sheet.right - beside
        sheet.line((beside, sheet.top), words, 8, width=width, bold=bool(model.refused))
    if len(models) > _MOST_MODELS:
        sheet.paragraph(texts.text("handover.more-models", count=len(models) - _MOST_MODELS), 8)


def _checks(sheet: Sheet, checks: tuple[LastCheck, ...], texts: Catalogue) -> None:
    _head(sheet, texts.text("handover.tested"))
    if not checks:
        sheet.paragraph(texts.text("handover.not-tested"), _SIZE, bold=True)
    for number, check in enumerate(checks):
        _check(sheet, check, texts, room=(sheet.top - sheet.bottom) / (len(checks) - number))


def _check(sheet: Sheet, check: LastCheck, texts: Catalogue, room: float) -> None:
    """room: how high it may be, in points."""
    words = texts.text(f"handover.check.{check.kind}", time=local_time(check.at))
    sheet.paragraph(words, _SIZE)
    # What did not pass stands first, so that it stands on the page whatever its length.
    results = sorted(check.results, key=lambda result: result[1] not in _GRAVEST_FIRST)
    fitting = 2 * int((room - 3 * _LINE) / _LINE)
    half = sheet.width / 2
    for number, (name, state) in enumerate(results[:fitting]):
        column = number % 2
        sheet.top -= 0 if column else _LINE
        at = (sheet.left + column * half, sheet.top)
        words = f"{name}: {_state(state, texts)}"
        sheet.line(at, words, 9, width=half - 8, bold=state in _GRAVEST_FIRST)
    if len(results) > fitting:
        sheet.paragraph(texts.text("handover.more-results", count=len(results) - fitting), 8)
    sheet.top -= 4


def _state(state: str, texts: Catalogue) -> str:
    return texts.texts.get(f"handover.state.{state}", state)


def _foot(sheet: Sheet, texts: Catalogue) -> None:
    """From the bottom up: places for two signatures, and what this sheet does not say."""
    for line in reversed(list(sheet.broken(texts.text("terms.unproven"), 8, sheet.width))):
        sheet.line((sheet.left, sheet.bottom), line, 8, width=sheet.width)
        sheet.bottom += 10.5
    sheet.bottom += 8
    half = sheet.width / 2
    for place, who in ((0.0, "technician"), (half + 10, "hospital")):
        left = sheet.left + place
        sheet.line((left, sheet.bottom), texts.text("handover.sign-here"), 8, grey=0.35)
        sheet.line((left, sheet.bottom + 58), texts.text(f"handover.{who}"), 9, bold=True)
    sheet.rule(sheet.bottom + 12)
    sheet.bottom += 74
