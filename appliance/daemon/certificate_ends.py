"""Until when the certificates are good that the site YAML names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from appliance.config.schema import Site
from appliance.errors import StorageError


def certificate_files(site: Site) -> Iterator[tuple[str, Path]]:
    """Each file with its key in the site YAML."""
    tls = site.dicom.tls
    named: list[tuple[str, str | None]] = [
        ("dicom.tls.certificate_file", tls.certificate_file if tls else None),
        ("dicom.tls.ca_file", tls.ca_file if tls else None),
        ("mail.ca_file", site.mail.ca_file),
        *((f"pacs.{each.name}.ca_file", each.ca_file) for each in site.pacs),
        *((f"printers.{each.name}.ca_file", each.ca_file) for each in site.printers),
    ]
    for key, file in named:
        if file is not None:
            yield key, Path(file)


def ends_at(key: str, file: Path) -> float:
    """Wall second; of several certificates that of the one which decides.

    Of a chain its own certificate comes first; of authorities one that is good is enough.
    Raises StorageError("certificate-unreadable").
    """
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError("certificate-unreadable", key) from error
    own = found[:1] if key.endswith("certificate_file") else found
    return max(each.not_valid_after_utc.timestamp() for each in own)
