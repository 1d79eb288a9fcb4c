"""Kinds of values that the site YAML holds: each one checked, and explained where it is wrong.

Every check is pure: no file is opened and no host is looked up.
"""

from __future__ import annotations

import difflib
import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import PurePosixPath
from typing import Annotated, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

IpNetwork = IPv4Network | IPv6Network

_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\Z", re.ASCII)
_MAILBOX: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}\Z", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?\Z", re.ASCII)
_AE_TITLE: Final = re.compile(r"[ -\[\]-~]{1,16}\Z")
_TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z", re.ASCII)
_LONGEST_LINE: Final = 120
_PIN_HASH: Final = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})"
    r"\$[A-Za-z0-9+/]{22,64}\$[A-Za-z0-9+/]{43,86}\Z",
    re.ASCII,
)
_PIN_KIB: Final = range(19_456, 262_144 + 1)
"""Weaker is no hindrance; more would take the memory that a study needs."""
_PIN_PASSES: Final = range(2, 10 + 1)
_PIN_LANES: Final = range(1, 8 + 1)


def _wrong(problem: str, fix: str) -> PydanticCustomError:
    # Not a template: braces that a technician typed must not be taken for one.
    return PydanticCustomError("osteon", "{problem}", {"problem": problem, "fix": fix})


def _ae_title(text: str) -> str:
    """PS3.5 6.2, VR AE: 1 to 16 characters, no backslash, spaces at the ends mean nothing."""
    if not _AE_TITLE.match(text):
        raise _wrong(
            "not an AE title",
            "write 1 to 16 plain characters, without backslash, as the modality shows it",
        )
    if text != text.strip():
        raise _wrong("spaces at the ends of an AE title mean nothing", f'write "{text.strip()}"')
    return text


def _host(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        if not _HOST.match(text) or text.rpartition(".")[2].isdigit():
            raise _wrong(
                "not a host name or address",
                "write a name such as mail.hospital.example or an address such as 10.0.0.5, "
                "without a port and without http://",
            ) from None
    return text


def _address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise _wrong(
            "not an address of this machine",
            "write an address such as 10.0.0.5, or 0.0.0.0 for all of them",
        ) from None
    return text


def _network(value: object) -> IpNetwork:
    fix = "write a host such as 10.0.0.17 or a network such as 10.0.0.0/24, in digits"
    if not isinstance(value, str):
        raise _wrong("not an address", fix)
    try:
        return ip_network(value)
    except ValueError:
        pass
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        raise _wrong("not an address or network", fix) from None
    raise _wrong(
        "an address with the length of a network",
        f"for that one host leave out /{network.prefixlen}; for its whole network write {network}",
    )


def _email(text: str) -> str:
    mailbox, _, domain = text.partition("@")
    if not (_MAILBOX.match(mailbox) and _HOST.match(domain)):
        raise _wrong("not an email address", "write one address such as night@hospital.example")
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isprintable() or ".." in PurePosixPath(text).parts:
        raise _wrong("not an absolute path", "write the whole path, from / on and without ..")
    return text


def _name(text: str) -> str:
    if not _NAME.match(text):
        raise _wrong("not a name", "write small letters, digits and hyphens, such as night-desk")
    return text


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST_LINE:
        raise _wrong("not one line of text", f"write 1 to {_LONGEST_LINE} characters, in one line")
    return text


def _time_of_day(text: str) -> str:
    if not _TIME_OF_DAY.match(text):
        raise _wrong("not a time of day", 'write hours and minutes in quotes, such as "07:00"')
    return text


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        near = difflib.get_close_matches(text, sorted(available_timezones()), 1, 0.6)
        such = near[0] if near else "Asia/Shanghai"
        raise _wrong("not a time zone", f"write a name of the IANA list, such as {such}") from None
    return text


def _printer_uri(text: str) -> str:
    fix = "write one such as ipp://10.0.0.9/ipp/print or ipps://printer.example:631/ipp/print"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _wrong("not the address of a printer", fix) from None
    if parts.scheme not in {"ipp", "ipps"} or not host or not text.isascii():
        raise _wrong("not the address of a printer", fix)
    if parts.username or parts.password:
        raise _wrong("a login stands in the printer's address", "take it out; " + fix)
    return text


def _web_address(text: str) -> str:
    fix = "write one such as https://updates.example/osteon, without a login in it"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _wrong("not a web address", fix) from None
    if parts.scheme not in {"http", "https"} or not host or not text.isascii():
        raise _wrong("not a web address", fix)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _wrong("a web address with more than a server and a path", fix)
    return text


def _pin_hash(text: str) -> str:
    fix = "write what `osteon config pin` prints, in quotes; the PIN itself never stands here"
    found = _PIN_HASH.match(text)
    if found is None:
        raise _wrong("not the hash of a PIN", fix)
    memory, passes, lanes = map(int, found.groups())
    if memory not in _PIN_KIB or passes not in _PIN_PASSES or lanes not in _PIN_LANES:
        raise _wrong("a hash of a strength that this box does not take", fix)
    return text


def _shape(kind: str, pattern: str = "") -> WithJsonSchema:
    """For editors and the reference: the kind's name, and what can be told from it at once."""
    return WithJsonSchema(
        {"type": "string", "format": kind, **({"pattern": pattern} if pattern else {})}
    )


AeTitle = Annotated[str, AfterValidator(_ae_title), _shape("AE-title", r"^[ -\[\]-~]{1,16}$")]
Host = Annotated[str, AfterValidator(_host), _shape("host-or-address", r"^[^\s/]+$")]
ListenAddress = Annotated[str, AfterValidator(_address), _shape("address")]
Network = Annotated[IpNetwork, PlainValidator(_network), _shape("address-or-network")]
EmailAddress = Annotated[str, AfterValidator(_email), _shape("email", r"^[^@\s]+@[^@\s]+$")]
AbsolutePath = Annotated[str, AfterValidator(_path), _shape("absolute-path", "^/")]
Name = Annotated[str, AfterValidator(_name), _shape("name", r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
Line = Annotated[str, AfterValidator(_line), _shape("text")]
TimeOfDay = Annotated[
    str, AfterValidator(_time_of_day), _shape("time-of-day", "^[0-2][0-9]:[0-5][0-9]$")
]
TimeZone = Annotated[str, AfterValidator(_time_zone), _shape("time-zone")]
PrinterUri = Annotated[str, AfterValidator(_printer_uri), _shape("IPP-address", "^ipps?://")]
WebAddress = Annotated[str, AfterValidator(_web_address), _shape("web-address", "^https?://")]
PinHash = Annotated[str, AfterValidator(_pin_hash), _shape("PIN-hash", r"^\$argon2id\$")]
Port = Annotated[int, Field(ge=1, le=65535)]
