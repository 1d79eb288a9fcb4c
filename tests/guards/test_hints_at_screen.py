"""Whoever has only the screen of a box is never told to type a command."""

from __future__ import annotations

import re

from appliance.error_catalogue import CATALOGUE
from appliance.error_catalogue.at_screen import AT_SCREEN, hint_at_screen
from appliance.screen.items import MENU

COMMAND = re.compile(
    r"`(osteon|sudo|systemctl|journalctl|apt)\b| --[a-z]|`--|ctl\b|lsblk|`ss |systemd-creds"
    r"|as root|/etc/|/tmp|provisioning/install|ssh-keygen|sha256sum"
)
KEYS = re.compile(r"\b[Mm]enu (\w)\b")
NEVER_THERE = frozenset(
    {
        "audit-not-permitted",
        "break-glass-without-purpose",
        "bundle-exists",
        "bundle-unwritten",
        "check-not-allowed",
        "labelled-set-other",
        "menu-uncalled",
        "patient-not-permitted",
        "screen-without-terminal",
        "sheet-without-place",
        "stick-named-twice",
        "update-floor-unexplained",
        "update-status-invalid",
        "wipe-not-begun",
        "wipe-order-invalid",
        "wipe-order-other-device",
        "wipe-signers-missing",
        "wipe-volume-unknown",
    }
)
"""Only a command line comes to these: its options, its user, or what is no part of the menu."""


def test_no_hint_at_the_screen_names_a_command() -> None:
    named = {code for code in CATALOGUE if COMMAND.search(hint_at_screen(code))}
    assert named == NEVER_THERE


def test_every_key_that_a_hint_names_is_in_the_menu() -> None:
    keys = {line.key for line in MENU.values()}
    for code, hint in AT_SCREEN.items():
        assert set(KEYS.findall(hint)) <= keys, code


def test_each_stands_in_place_of_one_that_is_there() -> None:
    assert not AT_SCREEN.keys() - CATALOGUE.keys()
    for code, hint in AT_SCREEN.items():
        assert hint.endswith("."), code
        assert hint != CATALOGUE[code].hint, code
        assert len(hint) < 240, code
