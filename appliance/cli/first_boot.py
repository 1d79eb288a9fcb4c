"""`osteon first-boot`: the device's identity, and the site YAML from a stick."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from appliance.cli.options import config_option, json_option
from appliance.cli.presentation import as_json, screen
from appliance.clock import SystemClock
from appliance.daemon.state import StateFolder
from appliance.daemon.updating import begin_floor_of_new_box, floor_at_start, note_first_floor
from appliance.errors import ConfigError, StorageError, UsageError
from appliance.keyring import KeyRing
from appliance.provision.fingerprint import grouped
from appliance.provision.identity import ensure_identity, open_signer
from appliance.provision.importing import (
    Confirm,
    Imported,
    Voucher,
    check_fingerprint,
    import_site,
    is_untouched,
)
from appliance.provision.key_home import KeyCredential
from appliance.provision.keyseal import SYSTEM_SEALS
from appliance.provision.programs import answer_of
from appliance.provision.refusal import REFUSED, forget_refusal, keep_refusal
from appliance.provision.stick import FAULTS_FILE, Stick
from appliance.provision.volume import LABELS, mounted, wait_for_volume
from appliance.signing import DeviceSigner
from appliance.storage import make_folder
from appliance.update.floor_tie import Standing

SIGNERS: Final = (
    Path("/etc/osteon/site-signers"),
    Path("/usr/share/osteon/site-signers"),
)
"""The hospital's, then the maker's."""
TYPED_DIGITS: Final = 8
_ALL_DIGITS: Final = 64
_STANDINGS: Final = {
    Standing.UNTIED: "the record of what was seen is left as it is",
    Standing.HOLDS: "the TPM bears out the record of what was seen",
    Standing.BROKEN: "none for now: the TPM does not bear out the record (update-floor-untied)",
}

identity_option = click.option(
    "--identity",
    "identity",
    type=click.Path(path_type=Path),
    default=Path("/etc/osteon/identity"),
    show_default=True,
    metavar="FOLDER",
    help="Where the device's identity lies.",
)

refused_option = click.option(
    "--refused", type=click.Path(path_type=Path), default=REFUSED, hidden=True
)
"""Where the screen finds why a stick's site YAML was not taken."""


@click.group("first-boot")
def first_boot() -> None:
    """Make this box somebody, and give it its site YAML."""


@first_boot.command("identity")
@identity_option
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path("/var/lib/osteon"),
    show_default=True,
    metavar="FOLDER",
    help="The state folder, where a new box's record of the updates it has seen begins.",
)
@json_option
def identity_verb(identity: Path, state: Path, *, is_json: bool) -> None:
    """Make the device's key pair and certificate request; show them where they are there.

    With a new identity begins the record of what this box has seen of updates, once.
    """
    clock, floor = SystemClock(), _Floor(StateFolder(state))
    known, is_new = ensure_identity(identity, SYSTEM_SEALS, clock.now(), floor.begin)
    if is_new:
        floor.note(clock.now())
    else:
        floor.check(open_signer(identity, SYSTEM_SEALS))
    if is_json:
        as_json(
            {
                "device_id": known.device_id,
                "protection": known.protection,
                "is_weaker": known.protection.is_weaker,
                "request": known.request.decode(),
                "request_fingerprint": known.request_fingerprint,
                "made_at": known.made_at,
                "made_now": is_new,
                "update_record": floor.word,
            }
        )
        return
    out = screen()
    weaker = " (weaker: there is no usable TPM2)" if known.protection.is_weaker else ""
    out.print(f"device id:    {grouped(known.device_id)}", soft_wrap=True)
    out.print(f"private key:  {known.protection}{weaker}", soft_wrap=True)
    out.print(f"request:      {identity / 'device.csr'}", soft_wrap=True)
    out.print(f"its SHA-256:  {grouped(known.request_fingerprint)}", soft_wrap=True)
    out.print("made now" if is_new else f"made on {known.made_at}, left as it is")
    out.print(f"updates:      {floor.word}", soft_wrap=True)


class _Floor:
    """The floor record of a box that starts; nothing wrong with it keeps a box from its key."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._is_begun = False
        self.word = "the record of what was seen is left as it is"

    def begin(self, signer: DeviceSigner) -> None:
        try:
            self._is_begun = begin_floor_of_new_box(self._state, signer)
        except StorageError as error:
            self.word = f"no record of what was seen: {error}"
            return
        self.word = (
            "the record of what was seen has begun"
            if self._is_begun
            else "a person must begin the record of what was seen: `osteon update reset-floor`"
        )

    def check(self, signer: DeviceSigner) -> None:
        try:
            self.word = _STANDINGS[floor_at_start(self._state, signer)]
        except StorageError as error:
            self.word = f"the record of what was seen cannot be looked at: {error}"

    def note(self, now: float) -> None:
        if self._is_begun:
            with suppress(StorageError):  # it is a note; the record itself is there
                note_first_floor(self._state, now)


@first_boot.command("master-key")
def master_key_verb() -> None:
    """Make the key of all studies, sealed to this machine; one that is there is left alone."""
    home = KeyCredential()
    if home.path.exists():
        screen().print(f"{home.path} is there already: left as it is.", soft_wrap=True)
        return
    make_folder(home.path.parent, mode=0o700)
    home.write(KeyRing.create())
    screen().print("master key: made, sealed to this machine")


@first_boot.command("import")
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A folder, such as that of a mounted stick.",
)
@click.option(
    "--from-label",
    "labels",
    multiple=True,
    metavar="LABEL",
    help=f"A stick or volume with this label. [default: {' or '.join(LABELS)}]",
)
@click.option(
    "--wait",
    default=0.0,
    metavar="SECONDS",
    help="How long to look for a volume.",
    show_default=True,
)
@click.option(
    "--fingerprint",
    metavar="DIGITS",
    help="SHA-256 of an unsigned file, all 64 digits, in place of a person's confirmation.",
)
@click.option(
    "--signers",
    type=click.Path(path_type=Path),
    multiple=True,
    default=SIGNERS,
    show_default=True,
    metavar="FILE",
    help="Who may sign: OpenSSH's allowed signers.",
)
@click.option(
    "--unattended",
    is_flag=True,
    help="At start: only a first site YAML, only a signed one; no volume is no error.",
)
@click.option("--then-start", metavar="UNIT", help="What to start when the site YAML is a new one.")
@refused_option
@config_option
def import_verb(  # noqa: PLR0913 - the options of one command
    *,
    folder: Path | None,
    labels: tuple[str, ...],
    wait: float,
    fingerprint: str | None,
    signers: tuple[Path, ...],
    then_start: str | None,
    refused: Path,
    config: Path,
    unattended: bool,
) -> None:
    """Take the site YAML from a stick: vouched for, and free of faults."""
    if folder is not None and labels:
        raise UsageError("stick-named-twice")
    if unattended and not is_untouched(config):
        screen().print(f"{config} is there already: left as it is.", soft_wrap=True)
        return
    voucher = Voucher(signers, _confirming(fingerprint, is_unattended=unattended))
    where = _Where(folder, labels or LABELS, wait)
    try:
        taken = _taken(where, config, voucher, is_unattended=unattended)
    except (ConfigError, StorageError) as error:
        if error.code != "volume-missing":
            keep_refusal(refused, error, SystemClock().now())
        raise
    if taken is None:
        screen().print("No stick with a site YAML; `osteon first-boot import` takes one.")
        return
    forget_refusal(refused)
    _show(taken, config)
    if not taken.has_changed:
        return
    if then_start is None:
        screen().print("Put it to use: systemctl daemon-reload && systemctl restart osteon.target")
    else:
        # The sockets are made from the site YAML when systemd reads its units: it did so before.
        answer_of(["systemctl", "daemon-reload"])
        answer_of(["systemctl", "--no-block", "start", then_start])


@dataclass(frozen=True, slots=True)
class _Where:
    """A folder, or a volume with one of the labels that may be so many seconds in coming."""

    folder: Path | None
    labels: tuple[str, ...]
    wait: float


def _taken(
    where: _Where, config: Path, voucher: Voucher, *, is_unattended: bool
) -> Imported | None:
    """What was taken; None where nobody is there and there is no stick."""
    with ExitStack() as stack:
        if where.folder is not None:
            stick = Stick(where.folder)
        else:
            volume = wait_for_volume(where.labels, where.wait, SystemClock())
            if volume is None and is_unattended:
                return None
            if volume is None:
                raise ConfigError("volume-missing", " or ".join(where.labels))
            stick = stack.enter_context(mounted(volume))
        try:
            return import_site(stick, config, voucher, SystemClock().now())
        except ConfigError as error:
            _tell_stick(stick, error)
            raise


def _confirming(given: str | None, *, is_unattended: bool) -> Confirm:
    def confirm(name: str, digits: str) -> None:
        if given is not None:
            check_fingerprint(given, digits, _ALL_DIGITS)
            return
        screen().print(f"{name} is not signed. SHA-256: {grouped(digits)}", soft_wrap=True)
        if is_unattended or not sys.stdin.isatty():
            raise ConfigError("site-unsigned", grouped(digits))
        screen().print(f"Compare it with `sha256sum {name}` on the computer it was written on.")
        answer = click.prompt(f"If they agree, type the first {TYPED_DIGITS} digits")
        check_fingerprint(answer, digits, TYPED_DIGITS)

    return confirm


def _tell_stick(stick: Stick, error: ConfigError) -> None:
    told = "was written onto the stick" if stick.write_faults(error) else "could not be written"
    screen().print(f"{FAULTS_FILE} {told}.")


def _show(taken: Imported, config: Path) -> None:
    out = screen()
    by = f"signed by {taken.signer}" if taken.signer is not None else "confirmed by its fingerprint"
    out.print(f"site YAML, {by}", soft_wrap=True)
    out.print(f"SHA-256: {grouped(taken.fingerprint)}", soft_wrap=True)
    if taken.has_changed:
        out.print(f"now in place: {config}", soft_wrap=True)
        if taken.previous is not None:
            out.print(f"the one before: {taken.previous}", soft_wrap=True)
    else:
        out.print(f"in place already: {config}", soft_wrap=True)
