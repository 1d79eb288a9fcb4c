"""The installed box under a real systemd: killed, hung, reloaded, rebooted; nothing is lost.

The machine is a plain Debian that knows nothing of Osteon; what makes it a box are the steps of
`provisioning/manual/01-install.md`. Each test leaves the box at work, whatever their order.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config.pin import hash_of
from tests.simulators.box import ROOT
from tests.simulators.installed_box import (
    BESIDE_A_WHEEL,
    CHECKOUT,
    SITE,
    SOURCES,
    UNITS,
    InstalledBox,
    broken_leg,
    installed_box,
)
from tests.simulators.modality import associate, dcmtk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(720),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can boot a machine"),
]

RELEASE = "/srv/release"
MENU_VISIT = ROOT / "tests" / "simulators" / "menu_visit.py"
PYTHON = "/usr/lib/osteon/current/bin/python"
INTENT = "/var/lib/osteon-wipe/intent.json"
SERIAL = """
from pathlib import Path
from appliance.cli.wipe_plan import _label
from appliance.provision.identity import read_identity
from appliance.wipe.facts import box_serial
print(box_serial(_label(), read_identity(Path("/etc/osteon/identity")).device_id))
"""
VISIT = "/srv/menu_visit.py"
PIN = "274916"
LOOKS = """
[Unit]
ConditionPathExists=
[Service]
Type=oneshot
Restart=no
TTYPath=
StandardInput=null
StandardOutput=journal
ExecStart=
ExecStart=/bin/cat %d/wiped
"""
"""The screen's unit where there is no console: it prints what it was given."""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstalledBox]:
    with installed_box(tmp_path_factory.mktemp("site"), "bookworm") as running:
        yield running


@pytest.mark.timeout(1500)
def test_debian_13_becomes_a_box_too(tmp_path: Path) -> None:
    with installed_box(tmp_path, "trixie", seals_device_key=False) as running:
        case = running.is_alerted(broken_leg())
        assert running.studies() == {case: "alert"}
        running.machine.run("systemctl", "restart", "osteon-access.service")  # it signs at its end
        verdict = json.loads(running.machine.run("osteon", "audit", "verify", "--json").stdout)
        assert verdict["whole"]
        assert verdict["signed"]
        goes_on_with_another_key(running)
        tells_a_person_that_its_key_is_missing(running)
        fetches_updates_in_its_sandbox(running)
        is_wiped_from_its_menu_over_a_power_cut(running, case)


def goes_on_with_another_key(box: InstalledBox) -> None:
    """The units have their credentials from their start; they come by the new key all the same."""
    before = [box.process(unit) for unit in UNITS]
    assert "retired" in box.machine.run("osteon", "key", "rotate", seconds=320).stdout
    known = box.studies()
    case = box.is_alerted(broken_leg())
    assert box.studies() == {**known, case: "alert"}
    assert [box.process(unit) for unit in UNITS] == before
    box.machine.run("osteon", "ack", case, "--by", "Dr. Night")
    box.machine.run("systemctl", "restart", "osteon.target")
    box.until(box.is_at_work, 90)
    assert "P0001" in box.machine.run("osteon", "patient", case).stdout


def tells_a_person_that_its_key_is_missing(box: InstalledBox) -> None:
    """Nothing is received meanwhile; with the key back it goes on."""
    machine, key = box.machine, "/etc/credstore.encrypted/osteon.master-key"
    machine.run("mv", key, "/var/kept-key")
    machine.run("systemctl", "restart", "osteon-receive.service", is_checked=False)

    def is_told() -> bool:
        mails = [str(each.get_content()) for each in box.mail.messages]
        return any("unit-without-key" in mail and "osteon-receive" in mail for mail in mails)

    box.until(is_told, 180)
    asked = dcmtk("echoscu", box.port, options=("-ta", "5", "-to", "5"), calling="DR1")
    assert asked.returncode != 0
    machine.run("mv", "/var/kept-key", key)
    machine.run("systemctl", "reset-failed")
    machine.run("systemctl", "start", "osteon.target")
    box.until(box.is_at_work, 120)


def fetches_updates_in_its_sandbox(box: InstalledBox) -> None:
    """Nobody is at that address; all before it, the floor that first boot sealed, has to work."""
    machine = box.machine
    box.configure(update={"url": "https://127.0.0.1:9/osteon"})
    machine.run("systemctl", "start", "osteon-update.service", is_checked=False)
    newest = json.loads(machine.run("osteon", "update", "history", "--json").stdout)
    (begun,) = [each for each in newest if each["what"] == "floor-reset"]
    assert begun["by"] == "first boot"
    assert {each.get("code") for each in newest if each["what"] == "failed"} == {
        "update-source-unreachable"
    }


def is_wiped_from_its_menu_over_a_power_cut(box: InstalledBox, case: str) -> None:
    """Cut off right behind the point of no return: the next boot ends it, by itself."""
    machine = box.machine
    machine.run("osteon", "ack", case, "--by", "Dr. Night")
    box.configure(screen={"pin_hash": hash_of(PIN)})
    machine.write(VISIT, MENU_VISIT.read_bytes())
    # There is no console here: the screen itself does not start, and its menu listens all the same.
    machine.run("systemctl", "enable", "--now", "osteon-screen.service")
    # Nobody plugs anything into this machine: then the certificate goes nowhere else.
    serial = machine.run(PYTHON, "-c", SERIAL).stdout.strip()
    plan = json.loads(machine.run("osteon", "wipe", "--plan", "--json").stdout)
    wipe = shlex.join([PYTHON, VISIT, "wipe", PIN, "Li Wei", "recycling", serial])
    cut = f"{wipe} >/var/visit 2>&1 & until test -e {INTENT}; do sleep 0.02; done"
    machine.run("timeout", "100", "sh", "-c", cut, is_checked=False, seconds=120)
    assert (machine.root / INTENT[1:]).exists(), (machine.root / "var/visit").read_text()
    machine.pull_the_plug()
    machine.boot()
    done = machine.root / INTENT[1:].replace("intent", "done")
    box.until(done.exists, 120)
    for place in (*plan["folders"], *(key["path"] for key in plan["keys"]), plan["identity"]):
        left = machine.root / place[1:]
        assert not left.exists() or not any(left.iterdir()), place
    states = [box.property(unit, "ActiveState") for unit in UNITS]
    assert set(states) == {"inactive"}, states
    assert list(done.parent.glob("*.pdf"))
    says_afterwards_that_it_was_wiped(box)


def says_afterwards_that_it_was_wiped(box: InstalledBox) -> None:
    """Without a PIN; and a Debian of one's own is not made new by its menu."""
    machine = box.machine
    box.until(lambda: box.property("osteon-technician.socket", "ActiveState") == "active", 120)
    visit = machine.run(PYTHON, VISIT, "identity", "", seconds=120).stdout
    assert "offered: identity certificate\n" in visit
    assert "Its private key was destroyed by the wipe." in visit
    noted = machine.root / "var/lib/osteon-wipe/afterwards"
    assert '"detail":"identity"' in noted.read_text()
    # The screen's user may not look into that folder: systemd gives it what it has to show.
    machine.write("/etc/systemd/system/osteon-screen.service.d/test.conf", LOOKS.encode())
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "osteon-screen.service")
    shown = machine.run("journalctl", "-b", "-o", "cat", "-u", "osteon-screen.service").stdout
    assert '"status":"clear"' in shown
    assert '"operator":"Li Wei"' in shown


def test_the_installer_leaves_starting_to_the_technician(box: InstalledBox) -> None:
    steps = re.findall(r"(\d)/8", box.first_install)
    assert steps == sorted(steps)
    assert set(steps) == set("12345678")
    assert "edit /etc/osteon/site.yaml" in box.first_install
    assert box.machine.run("systemctl", "is-enabled", "osteon.target").stdout == "enabled\n"
    failed = box.machine.run("systemctl", "--failed", "--no-legend", "--plain").stdout
    assert failed == ""
    assert box.machine.run("systemctl", "is-system-running").stdout == "running\n"


def test_a_study_from_outside_is_told_by_mail(box: InstalledBox) -> None:
    case = box.is_alerted(broken_leg())
    assert box.studies()[case] == "alert"
    assert box.machine.run("osteon", "ack", case, "--by", "Dr. Night").returncode == 0


def test_who_may_see_a_patient_is_asked_and_stands_in_the_trail(box: InstalledBox) -> None:
    case = box.is_alerted(broken_leg())
    machine = box.machine
    machine.run("useradd", "--groups", "osteon,osteon-patients", "doctor")
    machine.run("useradd", "--groups", "osteon", "engineer")
    look = ("osteon", "patient", case)

    def as_user(name: str, *words: str) -> subprocess.CompletedProcess[str]:
        return machine.run("runuser", "-u", name, "--", *words, is_checked=False)

    try:
        assert "P0001" in as_user("doctor", *look).stdout
        refused = as_user("engineer", *look)
        assert (refused.returncode, "P0001" in refused.stdout) == (1, False)
        emergency = ("--break-glass", "--purpose", "emergency-treatment")
        assert "P0001" in as_user("engineer", *look, *emergency).stdout
        wanted = ("osteon", "audit", "list", "--newest", "1000", "--json")
        said = json.loads(machine.run(*wanted).stdout)
        # A unit's own word reaches the trail through its sandbox.
        assert ("model-changed", "osteon-analyse") in {(one["kind"], one["actor"]) for one in said}
        looks = [(each["kind"], each["actor"]) for each in said if each["subject"] == case]
        assert looks == [
            ("patient-shown", "doctor"),
            ("patient-refused", "engineer"),
            ("break-glass", "engineer"),
            ("patient-shown", "engineer"),
        ]
        box.until(
            lambda: any("break-glass" in str(each.get_content()) for each in box.mail.messages), 120
        )
        machine.run("systemctl", "restart", "osteon-access.service")
        verdict = json.loads(machine.run("osteon", "audit", "verify", "--json").stdout)
        assert verdict["whole"]
        assert verdict["signed"] >= len(looks)
        assert as_user("nobody", "osteon", "audit", "list").returncode != 0
    finally:
        machine.run("userdel", "doctor")
        machine.run("userdel", "engineer")


def test_installing_again_changes_nothing(box: InstalledBox) -> None:
    before = [box.process(unit) for unit in UNITS]
    site = box.machine.run("cat", SITE).stdout
    again = box.machine.run(box.installer, seconds=300).stdout
    assert "8/8 running" in again
    assert [box.process(unit) for unit in UNITS] == before
    assert box.machine.run("cat", SITE).stdout == site


@pytest.mark.parametrize("unit", UNITS)
def test_a_killed_service_comes_back_and_the_study_is_told(box: InstalledBox, unit: str) -> None:
    before = box.process(unit)
    known = set(box.alerts())
    if unit == "osteon-receive.service":
        box.machine.run("systemctl", "kill", "--signal=KILL", unit)
        box.comes_back(unit, before)
        box.send(broken_leg())
    else:
        box.send(broken_leg())
        box.machine.run("systemctl", "kill", "--signal=KILL", unit)
    box.alerted_since(known)
    box.comes_back(unit, before)


def test_the_watchdog_restarts_hung_services(box: InstalledBox) -> None:
    hung = {unit: box.process(unit) for unit in UNITS}
    for process in hung.values():
        box.machine.run("sh", "-c", f"kill -STOP {process}")
    for unit, process in hung.items():
        box.comes_back(unit, process, 240)
        assert "watchdog" in box.machine.run("journalctl", "-b", "-u", unit).stdout.lower()
    box.is_alerted(broken_leg())


@pytest.mark.parametrize("is_orderly", [True, False])
def test_a_study_taken_before_a_reboot_is_told_after_it(
    box: InstalledBox, *, is_orderly: bool
) -> None:
    box.is_alerted(broken_leg())
    known, told = box.studies(), set(box.alerts())
    # Taken in, and not yet looked at by anybody.
    box.machine.run("systemctl", "stop", "osteon-analyse.service")
    box.send(broken_leg())
    if is_orderly:
        box.machine.power_off()
    else:
        box.machine.pull_the_plug()
    box.machine.boot()
    box.alerted_since(told)
    box.until(box.is_at_work, 90)
    assert {case: box.studies()[case] for case in known} == known


def test_a_box_whose_socket_could_not_be_made_is_not_deaf_for_good(box: InstalledBox) -> None:
    """As on a machine so slow that systemd's generator is cut off: it is made at the next try."""
    machine, program = box.machine, "/usr/bin/osteon"
    machine.run("systemctl", "stop", "osteon.target", "osteon-receive.socket")
    machine.run("mv", program, f"{program}.real")
    machine.run("sh", "-c", f"printf '#!/bin/sh\nexit 124\n' >{program} && chmod 755 {program}")
    machine.run("systemctl", "daemon-reload")
    machine.run("mv", f"{program}.real", program)
    machine.run("systemctl", "start", "osteon.target")
    later = "osteon-again@osteon-receive.service"
    assert box.property(f"{later}.timer", "ActiveState") == "active"
    asked = dcmtk("echoscu", box.port, options=("-ta", "5", "-to", "5"), calling="DR1")
    assert asked.returncode != 0
    assert box.property(f"{later}.timer", "Unit") == f"{later}.service"
    machine.run("systemctl", "start", f"{later}.service")  # what the timer does, 20 minutes later
    box.until(box.is_at_work, 90)
    case = box.is_alerted(broken_leg())
    assert box.studies()[case] == "alert"
    machine.run("systemctl", "stop", f"{later}.timer")


def test_a_reload_takes_a_right_yaml_and_refuses_a_wrong_one(box: InstalledBox) -> None:
    processes = [box.process(unit) for unit in UNITS]
    image = broken_leg()
    syntax = image.file_meta.TransferSyntaxUID
    box.configure(site={**box.content["site"], "name": "Renamed Hospital"})
    try:
        # An association that is open all the while is not dropped.
        open_one = associate(
            box.port, [(image.SOPClassUID, [syntax])], calling="DR1", called="OSTEON"
        )
        assert open_one.is_established
        told = set(box.alerts())
        box.machine.run("systemctl", "reload", "osteon.target")
        box.until(lambda: box.said("config-reloaded") >= len(UNITS), 60)
        assert open_one.send_c_store(image).Status == 0
        open_one.release()
        assert "Renamed Hospital" in box.mail_about(box.alerted_since(told))

        box.machine.write(SITE, b"site: {name: Broken")
        box.machine.run("systemctl", "reload", "osteon.target")
        box.until(lambda: "config-refused" in str(box.mail.messages[-1].get_content()), 120)
        assert "Renamed Hospital" in box.mail_about(box.is_alerted(broken_leg()))
    finally:
        box.configure()
        box.machine.run("systemctl", "reload", "osteon.target")
    assert [box.process(unit) for unit in UNITS] == processes


def test_a_newer_release_takes_over_and_keeps_everything(box: InstalledBox) -> None:
    box.is_alerted(broken_leg())
    known = box.studies()
    before = [box.process(unit) for unit in UNITS]
    make_release(box.machine.root / RELEASE[1:], box.machine.root / CHECKOUT[1:])
    box.installer = f"{RELEASE}/provisioning/install"
    upgraded = box.machine.run(box.installer, seconds=500).stdout
    assert "8/8 running" in upgraded
    box.until(box.is_at_work, 90)
    assert not set(before) & {box.process(unit) for unit in UNITS}
    assert NEWER in box.machine.run("osteon", "version").stdout
    assert box.studies() == known
    assert len(box.machine.run("ls", "/usr/lib/osteon/environments").stdout.split()) == 1
    box.is_alerted(broken_leg())


def test_taken_away_the_data_stay_and_purged_nothing_stays(box: InstalledBox) -> None:
    box.is_alerted(broken_leg())
    known = box.studies()
    machine = box.machine
    machine.run(box.installer, "--uninstall")
    machine.run("mkdir", "-p", "/srv/kept")
    machine.run("cp", "-a", "--parents", *DATA, "/srv/kept")
    units = machine.run("systemctl", "list-unit-files", "osteon*", "--no-legend", is_checked=False)
    assert units.stdout == ""
    assert not (machine.root / "usr/bin/osteon").is_symlink()
    refused = machine.run(box.installer, *PURGE, said="no\n", is_checked=False)
    assert refused.returncode == 1
    assert all((machine.root / each[1:]).exists() for each in DATA)
    purged = machine.run(box.installer, *PURGE, said="PURGE\n").stdout
    assert "does not wipe" in purged
    assert not any((machine.root / each[1:]).exists() for each in DATA)
    machine.run("cp", "-a", "/srv/kept/.", "/")
    assert "8/8 started" in machine.run(box.installer, seconds=500).stdout
    box.until(box.is_at_work, 90)
    assert box.studies() == known
    box.is_alerted(broken_leg())


NEWER = "9.9.9.9"
PURGE = ("--uninstall", "--purge")
DATA = ("/etc/osteon", "/var/lib/osteon", "/etc/credstore.encrypted/osteon.master-key")


def make_release(folder: Path, checkout: Path) -> None:
    """A release of a newer version: a built wheel, and what the installer takes from beside it."""
    for name in BESIDE_A_WHEEL:
        shutil.copytree(checkout / name, folder / name)
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        subprocess.run(["cp", "-r", checkout / name, source], check=True)
    version = source / "appliance/__init__.py"
    version.write_text(re.sub(r'"[\d.]+"', f'"{NEWER}"', version.read_text()))
    build = ["pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
    subprocess.run([sys.executable, "-m", *build, source], check=True)
    shutil.rmtree(source)
