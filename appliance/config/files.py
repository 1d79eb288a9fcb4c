"""The files that a site YAML names: there, closed to others, readable, and not expired.

Unlike `load`, this looks at the disk; like it, it contacts nobody and changes nothing.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import BaseModel

from appliance.config.document import Document
from appliance.config.faults import ConfigFaults, KeyPath
from appliance.config.load import parse_document, read_site_file
from appliance.config.receiving import ListenerTls
from appliance.config.schema import Site
from appliance.config.secrets import check_secret, read_secret
from appliance.error_catalogue import CATALOGUE
from appliance.errors import ConfigError, PackError
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack

_MOST_BYTES: Final = 1 << 20
_SECRETS: Final = frozenset({"password_file", "key_file"})
_OF_THE_BOX: Final = frozenset({"master_key_file", "device_key_file"})

_Found = Iterator[tuple[KeyPath, str, str]]


def check_site(path: Path, now: float) -> Site:
    """A site YAML that can be used on this machine, with everything that it names.

    now: wall seconds since 1970, held against certificates.

    Raises:
        ConfigFaults: `config-invalid`, with every fault of the text; of the files when it has none.
        ConfigError: `config-unreadable`.
    """
    site, document = parse_document(read_site_file(path), str(path))
    _own_mode(path, document)
    check_named(site, document, now)
    return site


def check_named(site: Site, document: Document, now: float) -> None:
    """Look at everything that a site names; `document` is where it was read from.

    Raises:
        ConfigFaults: `config-invalid`, with these faults and those that the document had.
    """
    for where, problem, fix in _files(site, datetime.fromtimestamp(now, UTC)):
        document.add(where, problem, fix)
    if document.faults:
        raise ConfigFaults(document.faults)


def named_files(site: Site) -> dict[Path, bool]:
    """The files that a site names, but for the keys of the box itself; whether each is a secret."""
    return {
        Path(named): name in _SECRETS
        for name, named in _options(site)
        if name.endswith("_file") and name not in _OF_THE_BOX
    }


def _options(section: BaseModel) -> Iterator[tuple[str, str]]:
    for name, value in section:
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, BaseModel):
                yield from _options(part)
            elif isinstance(part, str):
                yield name, part


def _own_mode(path: Path, document: Document) -> None:
    if path.stat().st_mode & stat.S_IWOTH:
        document.add((), "any user of this machine may change this file", f"chmod o-w {path}")


def _files(site: Site, now: datetime) -> _Found:
    yield from _secret(("master_key_file",), site.master_key_file, holds_text=False)
    yield from _secret(("mail", "password_file"), site.mail.password_file, holds_text=True)
    if site.dicom.tls is not None:
        yield from _listener(site.dicom.tls, now)
    yield from _authorities(("mail", "ca_file"), site.mail.ca_file, now)
    yield from _authorities(("update", "ca_file"), site.update.ca_file, now)
    for number, pacs in enumerate(site.pacs):
        yield from _authorities(("pacs", number, "ca_file"), pacs.ca_file, now)
    for number, printer in enumerate(site.printers):
        yield from _authorities(("printers", number, "ca_file"), printer.ca_file, now)
    yield from _packs(site)


def _secret(path: KeyPath, named: str | None, *, holds_text: bool) -> _Found:
    if named is None:
        return
    try:
        (read_secret if holds_text else check_secret)(Path(named))
    except ConfigError as error:
        yield path, error.detail, _hint(error.code)


def _listener(tls: ListenerTls, now: datetime) -> _Found:
    section = ("dicom", "tls")
    yield from _secret((*section, "key_file"), tls.key_file, holds_text=False)
    yield from _authorities((*section, "ca_file"), tls.ca_file, now)
    yield from _certificates((*section, "certificate_file"), tls.certificate_file, now)
    try:
        key = load_pem_private_key(_content(tls.key_file), None).public_key()
    except OSError:
        return  # told above
    except (ValueError, TypeError, UnsupportedAlgorithm):
        fix = "write it as PEM, without a pass phrase"
        yield (*section, "key_file"), f"{tls.key_file} is no private key in PEM", fix
        return
    try:
        own = x509.load_pem_x509_certificates(_content(tls.certificate_file))[0].public_key()
    except (OSError, ValueError):
        return  # told above
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if own.public_bytes(*form) != key.public_bytes(*form):
        fix = "name the key with which this certificate was asked for"
        yield (*section, "key_file"), "the key does not belong to the certificate", fix


def _authorities(path: KeyPath, named: str | None, now: datetime) -> _Found:
    if named is not None:
        yield from _certificates(path, named, now)


def _certificates(path: KeyPath, named: str, now: datetime) -> _Found:
    try:
        found = x509.load_pem_x509_certificates(_content(named))
    except OSError as error:
        yield path, f"{named}: {error.strerror}", "check the path, the file's owner and its mode"
        return
    except ValueError:
        fix = "write it as PEM: `-----BEGIN CERTIFICATE-----` and so on"
        yield path, f"{named} holds no certificate in PEM", fix
        return
    for certificate in found:
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if ends <= now:
            yield path, f"the certificate in {named} expired on {ends:%Y-%m-%d}", "renew it"
        elif begins > now:
            fix = "check this machine's clock, then the certificate"
            yield path, f"the certificate in {named} is valid from {begins:%Y-%m-%d} only", fix


def _packs(site: Site) -> _Found:
    folder = Path(site.packs.folder)
    if not folder.is_dir():
        yield ("packs", "folder"), f"{folder} is no folder", "install the model packs, or mend it"
        return
    there = sorted(place.parent.name for place in folder.glob("*/pack.yaml"))
    if not there:
        fix = "install the model packs, or name their folder"
        yield ("packs", "folder"), f"{folder} holds no model pack", fix
    trust = Trust.shipped()
    named = [use.name for use in site.packs.use]
    for number, name in enumerate(named or there):
        where: KeyPath = ("packs", "use", number, "name") if named else ("packs", "folder")
        if name not in there:
            yield where, f"{folder} has no pack {name}", f"use one of {', '.join(there)}"
            continue
        try:
            open_pack(folder / name, trust)
        except PackError as error:
            yield where, f"the pack {name} cannot be used ({error.code})", _hint(error.code)


def _hint(code: str) -> str:
    hint = CATALOGUE[code].hint.removesuffix(".")
    return hint[:1].lower() + hint[1:]


def _content(named: str) -> bytes:
    if not Path(named).is_file():  # opening a pipe would wait for somebody to write
        raise FileNotFoundError(errno.ENOENT, "No such file")
    with Path(named).open("rb") as file:
        return file.read(_MOST_BYTES)
