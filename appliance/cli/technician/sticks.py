"""What the menu takes from a stick and puts onto one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from appliance.cli.config_diff import changes_to_use
from appliance.cli.first_boot import TYPED_DIGITS
from appliance.cli.hand_over import print_sheet, printer_named, sheet
from appliance.cli.options import site_of
from appliance.cli.support_bundle import bundle_name, write_bundle
from appliance.cli.technician.box import Box
from appliance.clock import SystemClock
from appliance.config.schema import Site
from appliance.errors import ConfigError, StorageError
from appliance.provision.fingerprint import grouped
from appliance.provision.importing import Imported, Voucher, check_fingerprint, import_site
from appliance.provision.programs import answer_of
from appliance.provision.refusal import forget_refusal, keep_refusal
from appliance.provision.stick import FAULTS_FILE, Stick
from appliance.provision.volume import LABELS, mounted, wait_for_volume
from appliance.screen.session import Dialogue
from appliance.screen.words import grouped_in_rows
from appliance.storage import write_durably

_STICK_SECONDS: Final = 10.0
"""How long one that was just plugged in may take."""
_ON_STICK: Final = "stick"
_SHEET: Final = "hand-over.pdf"
_NO_CHANGE: Final = "The box uses exactly this already."


def import_configuration(box: Box, dialogue: Dialogue) -> None:
    """What `osteon first-boot import` does; then the box starts with it."""
    try:
        taken = _taken(box, dialogue)
    except (ConfigError, StorageError) as error:
        if error.code != "volume-missing":
            keep_refusal(box.refused, error, SystemClock().now())
        raise
    forget_refusal(box.refused)
    _put_to_use(box, taken, dialogue)


def _taken(box: Box, dialogue: Dialogue) -> Imported:
    def confirm(name: str, digits: str) -> None:
        if not box.takes_unsigned:
            raise ConfigError("site-unsigned", grouped(digits))
        dialogue.say(f"{name} is not signed. Its SHA-256:")
        for row in grouped_in_rows(digits):
            dialogue.say(f"    {row}")
        dialogue.say("Compare all of it with what was written down where the file was made.")
        answer = dialogue.ask(f"If they agree, type the first {TYPED_DIGITS} digits:")
        check_fingerprint(answer, digits, TYPED_DIGITS)

    def foresee(site: Site, is_signed: bool) -> None:  # noqa: FBT001 - as the voucher is called
        changed = changes_to_use(site) if is_signed or box.takes_unsigned else None
        if changed is None:  # or it will not be taken: then nobody learns what is in use
            return
        dialogue.say("Against what the box uses now it changes:" if changed else _NO_CHANGE)
        for line in changed:
            dialogue.say(f"  {line}")
        if changed and is_signed:
            dialogue.ask("It is signed. To take it, press Enter:")

    with plugged_in(box, dialogue) as stick:
        try:
            voucher = Voucher(box.signers, confirm, foresee)
            return import_site(stick, box.config, voucher, SystemClock().now())
        except ConfigError as error:
            if stick.write_faults(error):
                dialogue.say(f"What is wrong was written onto the stick: {FAULTS_FILE}.")
            raise


def _put_to_use(box: Box, taken: Imported, dialogue: Dialogue) -> None:
    by = f"signed by {taken.signer}" if taken.signer is not None else "confirmed by its fingerprint"
    if not taken.has_changed:
        dialogue.say(f"The configuration is in place already; {by}.")
        return
    dialogue.say(f"The configuration is in place; {by}.")
    if site_of(box.config).screen.pin_hash is None:
        dialogue.say("It sets no PIN: from now on this menu only takes a signed configuration.")
    # The sockets are made from the site YAML when systemd reads its units.
    is_read = answer_of(["systemctl", "daemon-reload"]) is not None
    if is_read and answer_of(["systemctl", "--no-block", "restart", "osteon.target"]) is not None:
        dialogue.say("The box starts with it. Next: the check (1), then the hand-over sheet (7).")
    else:
        dialogue.say("To put it to use, start the machine again.")


def bundle(box: Box, dialogue: Dialogue) -> None:
    """What `osteon support-bundle` writes."""
    now = SystemClock().now()
    name = bundle_name(now)
    with plugged_in(box, dialogue) as stick:
        stick.make_writable()
        count = write_bundle(stick.folder / name, box.config, now)
    dialogue.say(f"{name}: {count} files, now on the stick. Look into it before you send it.")


def hand_over(box: Box, dialogue: Dialogue) -> None:
    """What `osteon hand-over` makes."""
    site = site_of(box.config)
    names = ", ".join([_ON_STICK, *(printer.name for printer in site.printers)])
    place = dialogue.ask(f"Where to? One of: {names}; empty: {_ON_STICK}:") or _ON_STICK
    paper = None if place == _ON_STICK else printer_named(site.printers, place)
    pdf = sheet(site, box.config, box.identity)
    if paper is not None:
        dialogue.say(f"printed: {print_sheet(paper, pdf)}")
        return
    with plugged_in(box, dialogue) as stick:
        stick.make_writable()
        write_durably(stick.folder / _SHEET, pdf, mode=0o644)
    dialogue.say(f"{_SHEET}: one A4 page, now on the stick.")


@contextmanager
def plugged_in(box: Box, dialogue: Dialogue, *, is_for_units: bool = False) -> Iterator[Stick]:
    """The stick; `is_for_units`: as `mounted`. Raises ConfigError: `volume-missing`, and others."""
    if box.stick is not None:
        yield Stick(box.stick)
        return
    dialogue.say("Looking for the stick ...")
    volume = wait_for_volume(LABELS, _STICK_SECONDS, SystemClock())
    if volume is None:
        raise ConfigError("volume-missing", " or ".join(LABELS))
    with mounted(volume, is_for_units=is_for_units) as stick:
        yield stick
