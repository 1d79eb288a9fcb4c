"""The certificate on paper: one A4 page in the site's language, with places for two signatures.

The page is not signed itself: it carries the SHA-256 of the signed file, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from appliance.alerts.catalogue import Catalogue, load
from appliance.alerts.sheet import Sheet
from appliance.alerts.times import local_time
from appliance.wipe.certificate import Certificate, Issued, MediumLine
from appliance.wipe.journal import Evidence, Result
from appliance.wipe.plan import size_text

_VALUES_AT: Final = 0.24
_SIZE: Final = 9.0
_SMALL: Final = 8.0
_MOST_LINES: Final = 2
_MOST_MEDIA: Final = 3
_MOST_LISTED: Final = 4
_GROUP: Final = 4

Row = tuple[str, str]


def render_certificate(issued: Issued) -> bytes:
    """The page as PDF, every font embedded. Raises ConfigError `font-missing`."""
    made = issued.certificate
    texts = load(made.language)
    sheet = Sheet()
    sheet.band(texts.text("wipe.title"), 20)
    sheet.paragraph(made.site, 14, bold=True, most_lines=2)
    _status(sheet, made, texts)
    _foot(sheet, issued, texts)
    _section(sheet, texts.text("wipe.device"), _device(made, texts))
    _section(sheet, texts.text("wipe.person"), _person(made, texts))
    _media(sheet, made.media, texts)
    _section(sheet, texts.text("wipe.verification"), _verification(made, texts))
    _list(
        sheet,
        texts.text("wipe.outstanding"),
        [f"{each.what}: {each.to_do}" for each in made.outstanding],
        texts,
    )
    return sheet.finish()


def _status(sheet: Sheet, made: Certificate, texts: Catalogue) -> None:
    key = {"clear": "clear", "purge": "purge"}.get(made.status, "failed")
    kept = any(medium.sanitized == "files" for medium in made.media)
    sheet.top -= 6
    sheet.frame(sheet.top - 46, 46)
    at = (sheet.left + 10, sheet.top - 19)
    words = texts.text("wipe.status", status=texts.text(f"wipe.is.{key}"))
    sheet.line(at, words, 15, width=sheet.width - 20, bold=True)
    meaning = texts.text("wipe.meaning.files" if key == "clear" and kept else f"wipe.meaning.{key}")
    sheet.line((sheet.left + 10, sheet.top - 37), meaning, _SIZE, width=sheet.width - 20)
    sheet.top -= 52


def _device(made: Certificate, texts: Catalogue) -> Iterator[Row]:
    yield texts.text("wipe.serial"), made.serial
    yield texts.text("handover.device-id"), _grouped(made.device_id)
    yield texts.text("wipe.software"), made.software
    times = texts.text(
        "wipe.from-to", start=local_time(made.started_at), end=local_time(made.issued_at)
    )
    yield texts.text("wipe.when"), times
    yield texts.text("wipe.number"), made.wipe_id


def _person(made: Certificate, texts: Catalogue) -> Iterator[Row]:
    who = made.authority
    between = texts.text("terms.list-separator")
    yield (
        texts.text("wipe.operator"),
        between.join(part for part in (who.operator, who.title, who.organisation) if part),
    )
    yield texts.text("wipe.authority"), texts.text(f"wipe.by.{who.kind}")
    unsaid = texts.text("wipe.unsaid")
    yield texts.text("wipe.media-destination"), who.media_destination or unsaid
    if who.overridden_by:
        yield texts.text("wipe.overridden"), who.overridden_by


def _media(sheet: Sheet, media: tuple[MediumLine, ...], texts: Catalogue) -> None:
    for number, medium in enumerate(media[:_MOST_MEDIA], start=1):
        _section(sheet, texts.text("wipe.medium", number=number), _medium(medium, texts))
    if len(media) > _MOST_MEDIA:
        sheet.paragraph(texts.text("wipe.more", count=len(media) - _MOST_MEDIA), _SMALL)


def _medium(medium: MediumLine, texts: Catalogue) -> Iterator[Row]:
    between = texts.text("terms.list-separator")
    unknown = texts.text("handover.unknown")
    model = " ".join(part for part in (medium.make, medium.model) if part) or unknown
    size = size_text(medium.size)
    serial = texts.text("wipe.serial-of", serial=medium.serial or unknown)
    yield (
        texts.text("wipe.model"),
        between.join(part for part in (model, serial, medium.kind, size) if part),
    )
    yield texts.text("wipe.sanitized"), _of_files(medium.sanitized, texts)
    how = between.join(part for part in (medium.method, medium.technique, medium.tool) if part)
    yield texts.text("wipe.method"), how or unknown
    yield texts.text("wipe.verified-by"), medium.verification or texts.text("wipe.files-looked-for")
    yield texts.text("wipe.level"), medium.status


def _of_files(sanitized: str, texts: Catalogue) -> str:
    return texts.text("wipe.only-files") if sanitized == "files" else sanitized


def _verification(made: Certificate, texts: Catalogue) -> Iterator[Row]:
    checks = [
        one
        for step in made.steps
        if step.phase == "verification"
        for one in step.evidence
        if one.result is not Result.NOT_POSSIBLE
    ]
    failed = [one for one in checks if one.result is Result.FAILED]
    passed = len(checks) - len(failed)
    yield texts.text("wipe.passed"), texts.text("wipe.of", passed=passed, all=len(checks))
    for one in failed[:_MOST_LISTED]:
        yield texts.text("wipe.failed"), _told(one)
    for one in made.not_verified[:_MOST_LISTED]:
        yield texts.text("wipe.not-verified"), _told(one)
    yield texts.text("wipe.goes-after"), texts.text("terms.list-separator").join(made.goes_after)


def _told(one: Evidence) -> str:
    return f"{one.what}: {one.detail}" if one.detail else one.what


def _list(sheet: Sheet, head: str, lines: list[str], texts: Catalogue) -> None:
    if not lines:
        return
    _head(sheet, head)
    sheet.top -= 3
    for line in lines[:_MOST_LISTED]:
        sheet.paragraph(f"· {line}", _SMALL, most_lines=_MOST_LINES)
    if len(lines) > _MOST_LISTED:
        sheet.paragraph(texts.text("wipe.more", count=len(lines) - _MOST_LISTED), _SMALL)


def _section(sheet: Sheet, head: str, rows: Iterable[Row]) -> None:
    _head(sheet, head)
    beside = sheet.left + _VALUES_AT * sheet.width
    width = sheet.right - beside
    for label, value in rows:
        first, *others = _lines(sheet, value, width)
        sheet.top -= _SIZE * 1.4
        sheet.line((sheet.left, sheet.top), label, _SMALL, width=beside - sheet.left - 6, grey=0.35)
        sheet.line((beside, sheet.top), first, _SIZE, width=width)
        for line in others:
            sheet.top -= _SIZE * 1.2
            sheet.line((beside, sheet.top), line, _SIZE, width=width)


def _head(sheet: Sheet, words: str) -> None:
    sheet.top -= 6
    sheet.rule(sheet.top)
    sheet.top -= 11
    sheet.line((sheet.left, sheet.top), words, 10, bold=True)
    sheet.top -= 1


def _lines(sheet: Sheet, value: str, width: float) -> list[str]:
    lines = list(sheet.broken(value, _SIZE, width)) or [""]
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"{lines[_MOST_LINES - 1]}…"]
    return lines


def _foot(sheet: Sheet, issued: Issued, texts: Catalogue) -> None:
    """From the bottom up: what the page is worth, then places for two signatures."""
    signed = "wipe.signed" if issued.is_signed else "wipe.unsigned"
    words = [
        texts.text("wipe.basis"),
        texts.text(signed),
        f"SHA-256: {_grouped(issued.digest)}",
    ]
    lines = [line for each in words for line in sheet.broken(each, 7.5, sheet.width)]
    for line in reversed(lines):
        sheet.line((sheet.left, sheet.bottom), line, 7.5, width=sheet.width)
        sheet.bottom += 9.5
    sheet.bottom += 6
    half = sheet.width / 2
    for place, who in ((0.0, "operator"), (half + 10, "validator")):
        left = sheet.left + place
        sheet.line((left, sheet.bottom), texts.text("handover.sign-here"), _SMALL, grey=0.35)
        sheet.line((left, sheet.bottom + 42), texts.text(f"wipe.sign.{who}"), _SIZE, bold=True)
    sheet.rule(sheet.bottom + 12)
    sheet.bottom += 56


def _grouped(digits: str) -> str:
    return " ".join(digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))
