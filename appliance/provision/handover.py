"""What a technician hands over: this box as it is now, read from its files. No PHI, no secret."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

import appliance
from appliance.config.load import parse_site, read_site_file
from appliance.config.schema import Site
from appliance.config.values import IpNetwork
from appliance.domain import ModelIdentity
from appliance.errors import PackError
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.provision.fingerprint import fingerprint
from appliance.provision.identity import DeviceIdentity, read_identity
from appliance.provision.key_home import MASTER_KEY_CREDENTIAL
from appliance.provision.last_check import LastCheck, read_last_checks
from appliance.provision.programs import answer_of


class KeyProtection(StrEnum):
    """What protects the master key where it lies."""

    TPM2_AND_HOST = "tpm2-and-host-key"
    TPM2 = "tpm2"
    HOST_KEY = "host-key"
    CREDENTIAL = "credential"
    """Sealed by systemd in a way that this version does not know by name."""
    FILE = "file"
    MISSING = "missing"


# The first 16 bytes of an encrypted credential name the key (systemd, creds-util.h).
_SEALED_WITH: Final = {
    bytes.fromhex("93a894094874449090caf2fc93cab553"): KeyProtection.TPM2_AND_HOST,
    bytes.fromhex("0c7cc07b117645919c4b0bea08bc20fe"): KeyProtection.TPM2,
    bytes.fromhex("5a1c6a86df9d4096b1d5a65e0862f19a"): KeyProtection.HOST_KEY,
}


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model pack of this box. `refused`: the code, where it could not be verified."""

    identity: ModelIdentity
    refused: str = ""


@dataclass(frozen=True, slots=True)
class TlsListener:
    """DICOM over TLS. `certificate`: SHA-256 of its DER; empty where it cannot be read."""

    port: int
    certificate: str
    valid_until: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """All that the sheet says. `made_at`: seconds since 1970, UTC."""

    site: str
    language: str
    software_version: str
    made_at: float
    device: DeviceIdentity | None
    ae_title: str
    addresses: tuple[str, ...]
    port: int
    tls: TlsListener | None
    modalities: tuple[str, ...]
    site_yaml: str
    master_key: KeyProtection
    models: tuple[ModelLine, ...]
    checks: tuple[LastCheck, ...]


def gather(config: Path, identity: Path, now: float) -> HandOver:
    """Read this box.

    Raises:
        ConfigError: the site YAML cannot be used.
        StorageError: `identity-broken`.
    """
    raw = read_site_file(config)
    site = parse_site(raw, str(config))
    return HandOver(
        site=site.site.name,
        language=site.site.language,
        software_version=appliance.__version__,
        made_at=now,
        device=read_identity(identity),
        ae_title=site.dicom.ae_title,
        addresses=listening_addresses(site.dicom.address),
        port=site.dicom.port,
        tls=_tls(site),
        modalities=tuple(
            f"{each.ae_title} ({_network(each.address)})" for each in site.dicom.modalities
        ),
        site_yaml=fingerprint(raw),
        master_key=_master_key(site),
        models=tuple(_models(site)),
        checks=read_last_checks(Path(site.state_folder)),
    )


def sealed_with(credential: bytes) -> KeyProtection:
    """What an encrypted credential, as `systemd-creds encrypt` wrote it, is sealed with."""
    try:
        head = base64.b64decode(credential)[:16]
    except binascii.Error:
        return KeyProtection.CREDENTIAL
    return _SEALED_WITH.get(head, KeyProtection.CREDENTIAL)


def _master_key(site: Site) -> KeyProtection:
    if site.master_key_file is not None:
        there = Path(site.master_key_file).is_file()
        return KeyProtection.FILE if there else KeyProtection.MISSING
    try:
        return sealed_with(MASTER_KEY_CREDENTIAL.read_bytes())
    except OSError:
        return KeyProtection.MISSING


def listening_addresses(listening: str) -> tuple[str, ...]:
    """Where modalities reach the box: the one address of the YAML, or all that the machine has."""
    if not ip_address(listening).is_unspecified:
        return (listening,)
    found = (answer_of(["hostname", "--all-ip-addresses"]) or b"").decode().split()
    return tuple(each for each in found if not ip_address(each).is_link_local)


def _network(address: IpNetwork) -> str:
    return str(address.network_address if address.num_addresses == 1 else address)


def _tls(site: Site) -> TlsListener | None:
    wanted = site.dicom.tls
    if wanted is None:
        return None
    try:
        certificate = x509.load_pem_x509_certificate(Path(wanted.certificate_file).read_bytes())
    except (OSError, ValueError):
        return TlsListener(wanted.port, "", "")
    return TlsListener(
        wanted.port,
        certificate.fingerprint(hashes.SHA256()).hex(),
        certificate.not_valid_after_utc.date().isoformat(),
    )


def _models(site: Site) -> list[ModelLine]:
    trust = Trust.shipped()
    folder = Path(site.packs.folder)
    names = [use.name for use in site.packs.use] or [
        place.parent.name for place in sorted(folder.glob("*/pack.yaml"))
    ]
    lines = []
    for name in names:
        try:
            lines.append(ModelLine(open_pack(folder / name, trust).identity))
        except PackError as error:
            lines.append(ModelLine(ModelIdentity(name, "", ""), error.code))
    return lines
