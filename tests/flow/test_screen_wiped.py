"""The screen of a box that is wiped from its menu, and makes itself new; and of a closed one."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config.pin import hash_of
from appliance.wipe.ended import read_ended
from appliance.wipe.journal import Journal
from tests.simulators import wiping
from tests.simulators.box import OSTEON, ROOT, wait_until
from tests.simulators.console import ENTER, ESCAPE, PARTS, Console, console, runs
from tests.simulators.wiping import WipeBox, filled_box

pytestmark = pytest.mark.timeout(300)

PIN = "274916"


@pytest.fixture
def box(tmp_path: Path) -> WipeBox:
    made = replace(filled_box(tmp_path / "box"), journal=tmp_path / "wipe")
    wiping.write_site(made.folder, screen={"pin_hash": hash_of(PIN)})
    (tmp_path / "stick").mkdir()
    runs(tmp_path, *PARTS)
    stand_in_for_systemd(tmp_path)
    return made


def stand_in_for_systemd(folder: Path) -> None:
    """It notes what it was asked for, does what `osteon-wipe.service` does, and may reset.

    A box has a firmware that takes the note of a reset where there is a file `firmware`.
    """
    resume = [*OSTEON, "wipe", "--resume", "--journal", str(folder / "wipe")]
    program = folder / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncd {shlex.quote(str(folder))}\necho "$*" >>asked\ncase "$*" in\n'
        f"*osteon-wipe.service) cd {ROOT}; setsid {shlex.join(resume)} >/dev/null 2>&1 & ;;\n"
        "*factory-reset.service) test -e firmware ;;\nesac\n"
    )
    program.chmod(0o755)


def screen_of(box: WipeBox, folder: Path) -> AbstractContextManager[Console]:
    return console(folder, box.config, stick=folder / "stick", identity=box.identity)


def asked(folder: Path) -> list[str]:
    place = folder / "asked"
    return place.read_text().splitlines() if place.exists() else []


def is_wiped_from_the_menu(screen: Console, box: WipeBox) -> None:
    screen.shows("Enter: menu")
    screen.press(ENTER)
    screen.shows("PIN of this site:")
    screen.press(PIN + ENTER)
    assert "Factory reset" not in screen.shows("9  WIPE")
    screen.press("9")
    # It has no printer, and is asked for none.
    screen.shows("This destroys all patient data of this box")
    screen.reads_to("Name of who wipes:")
    screen.press("Li Wei" + ENTER)
    if "Alerts may be undelivered" in screen.shows("Name of who wipes: Li Wei", "Enter: go on"):
        screen.press("Li Wei" + ENTER)
    screen.shows("What happens to the disks")
    screen.press("stays" + ENTER)
    screen.shows("type the serial number:")
    screen.press(box.serial + ENTER)
    # It ends whoever holds a file of the box open, the screen perhaps among them.
    wait_until(lambda: Journal(box.journal).has_ended, 120)


def test_a_box_is_wiped_from_its_menu_says_so_and_makes_itself_new(
    box: WipeBox, tmp_path: Path
) -> None:
    (tmp_path / "reset.service").touch()
    with screen_of(box, tmp_path) as screen:
        is_wiped_from_the_menu(screen, box)
    assert not box.state.exists()
    assert not box.config.exists()
    end = read_ended(box.journal / "done.json")
    assert end is not None
    assert (end.intent.authority.operator, end.status, end.copies) == ("Li Wei", "clear", ())
    with screen_of(box, tmp_path) as screen:
        page = screen.shows("NOT WORKING: this box was wiped", "Enter: menu")
        assert f"Certificate  {end.certificate}" in page
        assert end.digest[:4] in page
        assert "Handed to    NOBODY" in page
        screen.press(ENTER)
        page = screen.shows("c  Certificate of the wipe", "n  Factory reset")
        assert "WIPE" not in page
        screen.press("8")
        page = screen.shows("Its private key was destroyed", "Enter: the menu")
        assert box.device_id[:4] in page
        screen.press(ENTER)
        screen.shows("n  Factory reset")
        screen.press("C")
        screen.shows("On the stick: ", "Enter: the menu")
        taken = tmp_path / "stick" / end.certificate
        assert taken.read_bytes() == box.certificate().read_bytes()
        assert taken.with_suffix(".pdf").exists()
        screen.press(ENTER)
        for typed, code in (("new", "factory-reset-unconfirmed"), ("NEW", "factory-reset-failed")):
            screen.shows("n  Factory reset")
            screen.press("n")
            screen.shows("it is as it was flashed", "handed to: NOBODY", "type NEW:")
            screen.press(typed + ENTER)
            screen.shows(code, "NOT DONE.")
            screen.press(ESCAPE)
        assert [words for words in asked(tmp_path) if "reset" in words] == [
            "start image-factory-reset.service"
        ]
        (tmp_path / "firmware").touch()
        screen.shows("n  Factory reset")
        screen.press("n")
        screen.shows("type NEW:")
        screen.press("NEW" + ENTER)
        screen.shows("The machine starts again now.", "Enter: the status")
    noted = (box.journal / "afterwards").read_text()
    for detail in ("certificate", "make-new", "make-new factory-reset-unconfirmed"):
        assert f'"detail":"{detail}"' in noted
    assert "technician at the screen" in noted


def test_a_wiped_debian_cannot_make_itself_new(box: WipeBox, tmp_path: Path) -> None:
    assert box.wipe("--operator", "Li Wei", "--serial", box.serial).returncode == 0
    for file in box.journal.glob("osteon-wipe-*"):
        file.unlink()
    with screen_of(box, tmp_path) as screen:
        screen.shows("NOT WORKING: this box was wiped")
        screen.press(ENTER)
        assert "Factory reset" not in screen.shows("This box was wiped.", "c  Certificate")
        screen.press("n" + "c")
        screen.shows("wipe-certificate-missing", "NOT DONE.")
    assert asked(tmp_path) == []


def test_a_box_whose_data_volume_is_closed_says_so_and_changes_nothing(
    box: WipeBox, tmp_path: Path
) -> None:
    """As in the image: nothing of its settings is mounted, so it looks like a new one."""
    (tmp_path / "reset.service").touch()
    settings = tmp_path / "etc"
    settings.mkdir()
    (tmp_path / "fstab").write_text(f"/data/settings {settings} none bind,nofail 0 0\n")
    closed = console(
        tmp_path, settings / "site.yaml", stick=tmp_path / "stick", identity=box.identity
    )
    with closed as screen:
        page = screen.shows("NOT WORKING: the data volume did not open", "Enter: identity")
        assert "flash it anew" in page
        screen.press(ENTER)
        page = screen.shows("The data volume of this box did not open.", "8  Identity")
        assert not [words for words in ("Import", "WIPE", "reset") if words in page]
        screen.press("8")
        page = screen.shows("Device id:", "Enter: the menu")
        assert box.device_id[:4] in page
    assert list(settings.iterdir()) == []
