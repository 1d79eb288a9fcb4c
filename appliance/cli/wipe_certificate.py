"""What a hospital does with wipes away from the box: check a certificate, sign an order."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Final

import click
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from appliance.cli.options import json_option
from appliance.cli.presentation import as_json, iso_time, screen
from appliance.clock import SystemClock
from appliance.errors import WipeError
from appliance.provision.fingerprint import grouped, typed
from appliance.signing import DeviceSigner, device_id
from appliance.storage import write_durably
from appliance.wipe.certificate import Certificate, claimed_key, open_certificate
from appliance.wipe.order import Order, new_nonce, sign

_DAY: Final = 86400.0


@click.command("verify-certificate")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--request",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The device's certificate request (device.csr), as handed over.",
)
@click.option(
    "--device-id", "digits", metavar="DIGITS", help="Or its device id, from the hand-over sheet."
)
@json_option
def verify_certificate(
    file: Path, request: Path | None, digits: str | None, *, is_json: bool
) -> None:
    """Check that the device signed this certificate, and show what it says."""
    content = file.read_bytes()
    key = _of_request(request) if request is not None else _claimed(content)
    certificate = open_certificate(content, key)
    owner = device_id(serialization.load_pem_public_key(key))
    if owner != certificate.device_id or (digits is not None and typed(digits) != owner):
        raise WipeError("wipe-certificate-invalid", f"signed by {grouped(owner)}")
    is_anchored = request is not None or digits is not None
    if is_json:
        as_json({"status": certificate.status, "device_id": owner, "is_anchored": is_anchored})
        return
    _show(certificate, is_anchored=is_anchored)


@click.command("sign-order")
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Your private key: PEM, elliptic curve.",
)
@click.option("--device-id", "digits", required=True, metavar="DIGITS", help="All 64 of them.")
@click.option("--operator", required=True, metavar="NAME", help="Who orders.")
@click.option("--title", default="", help="Their position.")
@click.option("--organisation", default="", help="Whom they work for.")
@click.option("--media-destination", default="", help="What happens to the disks afterwards.")
@click.option("--override-undelivered", default="", metavar="NAME", help="As for `osteon wipe`.")
@click.option("--days", type=click.FloatRange(0, 30), default=1.0, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), required=True, metavar="FILE")
def sign_order(  # noqa: PLR0913 - the options of one command
    *,
    key: Path,
    digits: str,
    operator: str,
    title: str,
    organisation: str,
    media_destination: str,
    override_undelivered: str,
    days: float,
    output: Path,
) -> None:
    """Make an order to wipe one box, good for one attempt. Run it where your key is."""
    not_after = SystemClock().now() + days * _DAY
    order = Order(
        typed(digits),
        new_nonce(),
        not_after,
        operator,
        title,
        organisation,
        media_destination,
        override_undelivered,
    )
    write_durably(output, sign(order, DeviceSigner.from_pem(key.read_bytes())), mode=0o644)
    screen().print(f"{output}: good until {iso_time(not_after)}", soft_wrap=True)


def _of_request(place: Path) -> bytes:
    try:
        public = x509.load_pem_x509_csr(place.read_bytes()).public_key()
    except ValueError as error:
        raise WipeError("wipe-certificate-invalid", "the request is none") from error
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _claimed(content: bytes) -> bytes:
    """The key that the certificate brings along: right only if its digest is the device's id."""
    try:
        payload = base64.b64decode(json.loads(content)["payload"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise WipeError("wipe-certificate-invalid", "not signed") from None
    return claimed_key(payload)


def _show(made: Certificate, *, is_anchored: bool) -> None:
    out = screen()
    out.print(f"Status: [bold]{made.status}[/bold]")
    out.print(f"Site: {made.site}; serial number {made.serial}", markup=False)
    out.print(f"Device: {grouped(made.device_id)}", soft_wrap=True)
    out.print(f"Wiped by: {made.authority.operator}, {iso_time(made.issued_at)}", markup=False)
    for medium in made.media:
        name = " ".join(part for part in (medium.make, medium.model, medium.serial) if part)
        words = f"Medium: {name or 'unknown'}; {medium.sanitized}; {medium.technique}"
        out.print(f"{words}; {medium.status}", markup=False)
    for one in made.not_verified:
        out.print(f"Not verified: {one.what}: {one.detail}", markup=False)
    for each in made.outstanding:
        out.print(f"Outstanding: {each.what}", markup=False)
    if is_anchored:
        out.print("The device with this id signed it.")
    else:
        out.print("Signed by the device with this id: compare it with the hand-over sheet.")
