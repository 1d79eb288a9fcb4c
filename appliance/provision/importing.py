"""Taking a site YAML from a stick: vouched for, free of faults, and only then in place.

The file that it replaces stays beside it as `NAME.previous`. Files that it names in its own folder,
such as the authority of the mail server, may come on the same stick, each vouched for like it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.config.files import check_named, named_files
from appliance.config.load import parse_document
from appliance.config.schema import Site
from appliance.errors import ConfigError
from appliance.provision.fingerprint import fingerprint, typed
from appliance.provision.signature import signer_of
from appliance.provision.stick import Offer, Stick
from appliance.storage import storage_error, write_durably

Confirm = Callable[[str, str], None]
"""Asks a person about an unsigned file (name, fingerprint); raises where they do not confirm it."""
Foresee = Callable[[Site, bool], None]
"""Told of a file without a fault before it is taken (content, whether it is signed); may raise."""
_MODE: Final = 0o644  # no secret stands in a site YAML, and every unit reads it
_SECRET_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Voucher:
    """Who may vouch for a site YAML. signers: files of allowed signers; missing ones are passed."""

    signers: tuple[Path, ...]
    confirm: Confirm
    foresee: Foresee = lambda _site, _is_signed: None


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken. `signer`: who signed it; None where a person confirmed the fingerprint.

    has_changed: False where the same file was in place already, and nothing was written.
    previous: where the file lies that was in place before.
    """

    fingerprint: str
    signer: str | None
    has_changed: bool
    previous: Path | None = None


def import_site(stick: Stick, target: Path, voucher: Voucher, now: float) -> Imported:
    """Put the stick's site YAML in place of `target`.

    Nothing is changed unless all is well: the text, and on this machine the files that it names. A
    signature that is there must be right: a wrong one is never passed over for a fingerprint.

    Args:
        stick: where it comes from.
        target: the box's site YAML, which need not be there yet.
        voucher: who may vouch for it.
        now: wall seconds since 1970, held against certificates that the YAML names.

    Raises:
        ConfigFaults: `config-invalid`, with every fault.
        ConfigError: what `Stick.offer`, `signer_of` and the voucher raise.
        StorageError: `disk-full`, `storage-failed`; the present file is untouched.
    """
    offer = stick.offer()
    digits = fingerprint(offer.content)
    signer = _signer(offer, voucher)
    site, document = parse_document(offer.content, offer.name)
    companions = tuple(_companions(stick, site, target.parent, voucher))
    with _in_place(companions):
        check_named(site, document, now)
        voucher.foresee(site, signer is not None)
        if signer is None:
            voucher.confirm(offer.name, digits)
        present = _content(target)
        if present == offer.content:
            return Imported(digits, signer, has_changed=any(each.is_new for each in companions))
        previous = None if present is None else target.with_name(f"{target.name}.previous")
        if present is not None and previous is not None:
            write_durably(previous, present, mode=_MODE)
        write_durably(target, offer.content, mode=_MODE)
    return Imported(digits, signer, has_changed=True, previous=previous)


@dataclass(frozen=True, slots=True)
class _Companion:
    """A file that the site YAML names, with what lay in its place before."""

    place: Path
    content: bytes
    mode: int
    before: bytes | None

    @property
    def is_new(self) -> bool:
        return self.content != self.before


def _companions(stick: Stick, site: Site, folder: Path, voucher: Voucher) -> Iterator[_Companion]:
    """Those on the stick. Only names directly in the folder: a stick writes nowhere else."""
    for place, is_secret in sorted(named_files(site).items()):
        offer = stick.companion(place.name) if place.parent == folder else None
        if offer is None:
            continue
        if _signer(offer, voucher) is None:
            voucher.confirm(offer.name, fingerprint(offer.content))
        mode = _SECRET_MODE if is_secret else _MODE
        yield _Companion(place, offer.content, mode, _content(place))


@contextmanager
def _in_place(companions: tuple[_Companion, ...]) -> Iterator[None]:
    """The site YAML is held against them where they lie; when it is refused they go again."""
    try:
        for each in companions:
            write_durably(each.place, each.content, mode=each.mode)
        yield
    except BaseException:
        for each in companions:
            if each.before is None:
                each.place.unlink(missing_ok=True)
            else:
                write_durably(each.place, each.before, mode=each.mode)
        raise


def _signer(offer: Offer, voucher: Voucher) -> str | None:
    if offer.signature is None:
        return None
    return signer_of(offer.content, offer.signature, voucher.signers)


def is_untouched(target: Path) -> bool:
    """Whether no person has given this box a site YAML yet: none, or the installer's example."""
    present = _content(target)
    return present is None or present == _content(target.with_name(f"{target.name}.example"))


def check_fingerprint(given: str, digits: str, fewest: int) -> None:
    """Hold what a person typed, or an order names, against a fingerprint.

    given: its first digits, at least `fewest`, with any gaps.

    Raises:
        ConfigError: `fingerprint-differs`.
    """
    meant = typed(given)
    if len(meant) < fewest or not digits.startswith(meant):
        raise ConfigError("fingerprint-differs")


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error) from error
