"""The screen of a box, in a real terminal: how the box stands, wrong PINs, the menu's items."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from appliance.config.example import example_yaml
from appliance.config.pin import hash_of
from appliance.provision.enrolling import enrolled, parse_key
from appliance.screen.attempts import Attempts, AttemptsFile, this_boot
from tests.simulators import spot_pack
from tests.simulators.box import OSTEON, ROOT, wait_until
from tests.simulators.console import ENTER, ESCAPE, PARTS, Console, console, runs
from tests.simulators.hospital import Hospital, hospital
from tests.simulators.sticks import new_key, sign

pytestmark = pytest.mark.timeout(300)

PIN = "274916"
CANARY = "CANARY^Patient"


@dataclass
class Bed:
    """A box at work that has seen one patient, its screen's folder and the case."""

    there: Hospital
    folder: Path
    case: str

    @property
    def stick(self) -> Path:
        return self.folder / "stick"

    def entries(self) -> list[dict[str, Any]]:
        done = self.there.box.command("audit", "list", "--newest", "500", "--json")
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))


def alerted(there: Hospital, spot: tuple[int, int]) -> str:
    """The case of one more patient, whose alert has been delivered."""
    case = there.send(spot_pack.film(spot, PatientName=CANARY, PatientID="CANARY-7"))
    there.ended(case)
    there.delivered(case)
    return case


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("screen")
    (folder / "stick").mkdir()
    with hospital(folder, screen={"pin_hash": hash_of(PIN)}) as there:
        yield Bed(there, folder, alerted(there, (120, 90)))


@pytest.fixture
def screen(bed: Bed) -> Iterator[Console]:
    runs(bed.folder, *PARTS)
    menu = bed.there.box.state / "menu"
    if menu.exists():
        AttemptsFile(menu).keep(Attempts())
    (bed.folder / "door").unlink(missing_ok=True)
    with console(bed.folder, bed.there.box.config, stick=bed.stick) as shown:
        yield shown
    # Never, on any page.
    assert b"CANARY" not in shown.written
    assert PIN.encode() not in shown.written


def enter(screen: Console, pin: str = PIN) -> None:
    screen.shows("Enter: menu")
    screen.press(ENTER)
    screen.shows("PIN of this site:")
    screen.press(pin)
    screen.shows("*" * len(pin))
    screen.press(ENTER)


def test_it_says_how_the_box_stands_and_goes_with_the_time(bed: Bed, screen: Console) -> None:
    port = bed.there.box.port
    page = screen.shows(" RECEIVING", "unacknowledged")
    assert "OSTEON Simulated Hospital" in page
    assert f"AE title     OSTEON     port {port} (open)" in page
    assert "Address      127.0.0.1" in page
    assert f"Waiting      1 unacknowledged: {bed.case}" in page
    runs(bed.folder, "access", "analyse", "deliver")
    page = screen.shows("NOT WORKING: images are not taken", "unit-failed  osteon-receive")
    assert "to do: " in page


def test_no_key_ends_it(screen: Console) -> None:
    screen.shows(" RECEIVING")
    screen.press("\x03\x1a\x1c\x13\x04x")
    screen.press(ENTER)
    screen.shows("PIN of this site:")
    screen.press(ESCAPE)
    screen.shows("Enter: menu")
    screen.process.send_signal(signal.SIGTERM)
    assert screen.process.wait(30) == 0


def test_wrong_pins_are_held_and_told_and_a_restart_helps_nobody(bed: Bed) -> None:
    runs(bed.folder, *PARTS)
    counting = AttemptsFile(bed.there.box.state / "menu")
    with counting.locked():
        counting.keep(Attempts(failures=3, boot=this_boot()))
    for _ in range(2):
        (bed.folder / "door").unlink(missing_ok=True)
        with console(bed.folder, bed.there.box.config, stick=bed.stick) as screen:
            if counting.read().failures == 3:
                enter(screen, "111113")
                screen.shows("This is not the PIN.", "A PIN is taken again in 1")
                counting.keep(Attempts(failures=4, boot=this_boot()))
                screen.press(ESCAPE)
                enter(screen, "111113")
                screen.shows("the technician is told", "A PIN is taken again in ")
            else:
                screen.shows("Enter: menu")
                screen.press(ENTER)
                screen.shows("A PIN is taken again in ")
                screen.press(PIN + ENTER)
                assert "PIN of this site" not in screen.page
    refusals = [
        each["detail"]
        for each in bed.entries()
        if each["kind"] == "menu-entered" and not each["success"]
    ]
    assert refusals[-2:] == ["pin-wrong", "pin-locked"]
    wait_until(
        lambda: any("menu-guessed" in str(each.get_content()) for each in bed.there.mail.messages),
        120,
    )


def test_a_technician_acknowledges_and_takes_a_bundle_on_a_stick(bed: Bed, screen: Console) -> None:
    case = alerted(bed.there, (60, 40))
    screen.shows(f"{case}  alert, NOT ACKNOWLEDGED")
    enter(screen)
    screen.shows("4  Acknowledge an alert", "9  WIPE")
    screen.press("3")
    assert "alert" in screen.shows(case, "Enter: the menu")
    screen.press(ENTER)
    screen.shows("9  WIPE")
    screen.press("4")
    screen.shows("Case code")
    screen.press(case.lower() + ENTER)
    screen.shows("Name of who has seen the alert:")
    screen.press("Dr Li" + ENTER)
    screen.shows(f"{case}: acknowledged by Dr Li.", "Enter: the menu")
    screen.press(ENTER)
    screen.shows("9  WIPE")
    screen.press("5")
    screen.shows("Name of the model")
    screen.press(ENTER)
    screen.shows("Why, for the record")
    screen.press(ENTER)
    screen.shows("rollback-nothing-kept", "NOT DONE.")
    screen.press(ENTER)
    screen.shows("9  WIPE")
    screen.press("6")
    screen.shows("now on the stick", "Enter: the menu")
    (bundle,) = bed.stick.glob("osteon-support-*.tar.gz")
    with tarfile.open(bundle) as tar:
        content = b"".join(tar.extractfile(member).read() for member in tar)  # type: ignore[union-attr]
    bundle.unlink()
    assert b"pin_hash" in content
    assert b"argon2id" not in content
    assert b"CANARY" not in content
    screen.press(ESCAPE)
    screen.shows("9  WIPE")
    screen.press(ESCAPE)
    screen.shows(f"{case}  alert  ")  # it waits for nobody any more
    said = [(each["kind"], each["detail"]) for each in bed.entries()]
    for entry in (
        ("menu-entered", "pin"),
        ("menu-action", "studies"),
        ("menu-action", "acknowledge"),
        ("acknowledged", "by Dr Li"),
        ("menu-action", "roll-back rollback-nothing-kept"),
        ("exported", ""),
        ("menu-left", ""),
    ):
        assert entry in said
    assert {each["actor"] for each in bed.entries() if each["kind"].startswith("menu-")} == {
        "technician at the screen"
    }


def test_the_box_proves_itself_from_its_menu(bed: Bed, screen: Console) -> None:
    enter(screen)
    screen.shows("0  Let it prove itself")
    screen.press("0")
    screen.shows("[ok] phantom sent", "Enter: ", seconds=200)
    page = screen.reads_to("Enter: the menu")
    assert "All is well." in page
    assert "[ok] mail " in page
    tests = [each for each in bed.there.mail.messages if str(each["Subject"]).startswith("TEST")]
    assert len(tests) == 1
    assert ("menu-action", "prove") in [(each["kind"], each["detail"]) for each in bed.entries()]


def choose(screen: Console, key: str) -> None:
    screen.shows("9  WIPE")
    screen.press(key)


def test_the_way_of_one_case_is_read_by_its_code(bed: Bed, screen: Console) -> None:
    enter(screen)
    choose(screen, "t")
    screen.shows("Case code")
    screen.press(f"{bed.case.lower()} " + ENTER)
    page = read = screen.shows("association opened", "Enter: ")
    while "Enter: the menu" not in page:
        screen.press(ENTER)
        page = screen.turns(page)
        read += page
    for what in (bed.case, "last image durable", "delivery sent"):
        assert what in read
    screen.press(ENTER)
    choose(screen, "t")
    screen.shows("Case code")
    screen.press("AAA-AAAA" + ENTER)
    screen.shows("case-unknown", "NOT DONE.")


def test_who_has_no_login_takes_updates(bed: Bed, screen: Console) -> None:
    enter(screen)
    choose(screen, "h")
    screen.shows("model", "Enter: the menu")
    screen.press(ESCAPE)
    choose(screen, "u")
    screen.shows("update-", "To do:", "NOT DONE.")
    screen.press(ESCAPE)
    choose(screen, "s")
    screen.shows("os-not-an-image", "NOT DONE.")
    screen.press(ESCAPE)
    assert ("menu-action", "go-back os-not-an-image") in [
        (each["kind"], each["detail"]) for each in bed.entries()
    ]


def withdraws(bed: Bed, screen: Console, name: str, fingerprint: str) -> None:
    """Takes away the only one who may sign."""
    for typed, code in (
        (["another"], "signer-unknown"),
        ([name, "yes"], "signer-withdrawal-unconfirmed"),
    ):
        choose(screen, "w")
        page = screen.shows(f"SHA256:{fingerprint}", "Name of who may not sign any more:")
        for words in typed:
            screen.press(words + ENTER)
            page = screen.turns(page)
        screen.shows(code, "NOT DONE.")
        assert [known for known, _ in enrolled(bed.folder / "nobody")] == [name]
        screen.press(ESCAPE)
    choose(screen, "w")
    screen.shows("Name of who may not sign any more:")
    screen.press(name + ENTER)
    screen.shows("Nobody of this hospital can sign then", "type WITHDRAW:")
    screen.press("WITHDRAW" + ENTER)
    screen.shows(f"{name} may not sign any more.", "Enter: the menu")
    assert not (bed.folder / "nobody").exists()
    screen.press(ESCAPE)
    choose(screen, "w")
    screen.shows("Nobody of this hospital may sign.", "Enter: the menu")
    screen.press(ESCAPE)


def test_who_has_no_login_enrols_rotates_and_verifies(bed: Bed, screen: Console) -> None:
    enter(screen)
    choose(screen, "k")
    screen.shows("signer-key-missing", "NOT DONE.")
    screen.press(ESCAPE)
    (bed.stick / "signer.pub").write_text(new_key(bed.folder / "desk"))
    key = parse_key((bed.stick / "signer.pub").read_bytes())
    choose(screen, "k")
    screen.shows(f"SHA256:{key.fingerprint}", "type the first 8 letters")
    screen.press("AAAAAAAA" + ENTER)
    screen.shows("signer-fingerprint-differs", "NOT DONE.")
    assert not (bed.folder / "nobody").exists()
    screen.press(ESCAPE)
    choose(screen, "k")
    screen.shows("type the first 8 letters")
    screen.press(key.fingerprint[:8] + ENTER)
    screen.shows("Name of who signs with it")
    screen.press("it-desk" + ENTER)
    screen.shows("it-desk may sign from now on.", "Enter: the menu")
    assert list(enrolled(bed.folder / "nobody")) == [("it-desk", key)]
    screen.press(ESCAPE)
    withdraws(bed, screen, "it-desk", key.fingerprint)
    choose(screen, "r")
    screen.shows("To rotate it, type ROTATE:")
    screen.press("rotate" + ENTER)
    screen.shows("key-rotation-unconfirmed", "NOT DONE.")
    screen.press(ESCAPE)
    choose(screen, "r")
    screen.shows("To rotate it, type ROTATE:")
    screen.press("ROTATE" + ENTER)
    screen.shows("Former key retired", "Enter: the menu")
    screen.press(ESCAPE)
    choose(screen, "v")
    screen.shows("The trail is whole", "Enter: the menu")
    said = {(each["kind"], each["actor"], each["detail"]) for each in bed.entries()}
    us = "technician at the screen"
    enrolled_by_us = f"may sign: it-desk SHA256:{key.fingerprint}"
    assert ("configuration-changed", us, enrolled_by_us) in said
    withdrawn_by_us = f"may not sign any more: it-desk SHA256:{key.fingerprint}"
    assert ("configuration-changed", us, withdrawn_by_us) in said
    assert ("menu-action", us, "enrol-signer signer-fingerprint-differs") in said
    assert ("key-rotated", us, "") in said
    assert ("audit-read", us, "verify") in said
    # What came before still opens.
    assert bed.there.box.studies()


def test_a_wipe_wants_a_name_and_the_serial_number(bed: Bed, screen: Console) -> None:
    identity = [*OSTEON, "first-boot", "identity", "--identity", str(bed.folder / "identity")]
    assert os.spawnvp(os.P_WAIT, identity[0], identity) == 0
    enter(screen)
    screen.shows("9  WIPE")
    screen.press("9")
    screen.shows("Print the certificate too?", "Enter: go on")
    screen.press(ENTER)
    screen.shows("This destroys all patient data of this box")
    screen.reads_to("Name of who wipes:")
    screen.press("Li Wei" + ENTER)
    page = screen.shows("Name of who wipes: Li Wei", "Enter: go on")
    if "Alerts may be undelivered" in page:
        screen.press("Li Wei" + ENTER)
    screen.shows("What happens to the disks")
    screen.press(ENTER)
    screen.shows("type the serial number:")
    screen.press("12345" + ENTER)
    screen.shows("wipe-serial-wrong", "NOT DONE.")
    assert not (bed.folder / "wipe" / "intent.json").exists()
    assert bed.there.box.config.exists()


def test_a_visit_is_one_at_a_time_for_its_menu_and_the_status_says_so(
    bed: Bed, screen: Console
) -> None:
    screen.shows(" RECEIVING")
    door = bed.folder / "door"
    door.rename(bed.folder / "aside")
    try:
        screen.press(ENTER)
        screen.shows("The menu does not answer.", "Enter: the status")
        screen.press(ENTER)
        screen.shows(" RECEIVING")
    finally:
        (bed.folder / "aside").rename(door)


@pytest.fixture
def new_box(tmp_path: Path) -> Path:
    """A box that nobody has set up: it has the example, as earlier installers left it."""
    for name in ("site.yaml", "site.yaml.example"):
        (tmp_path / name).write_text(example_yaml())
    (tmp_path / "stick").mkdir()
    return tmp_path


def own_site(folder: Path, pin: str | None) -> bytes:
    content = yaml.safe_load(example_yaml())
    packs = folder / "packs"
    content["packs"] = {"folder": str(packs if packs.exists() else spot_pack.write(packs))}
    content["state_folder"] = str(folder / "state")
    del content["master_key_file"], content["mail"]["password_file"], content["mail"]["login"]
    content["screen"] = {} if pin is None else {"pin_hash": hash_of(pin)}
    return yaml.safe_dump(content, sort_keys=False).encode()


def test_a_new_box_says_what_to_do_and_is_set_up_from_a_stick(new_box: Path) -> None:
    site = new_box / "stick" / "site.yaml"
    with console(new_box, new_box / "site.yaml", stick=site.parent) as screen:
        page = screen.shows("NOT SET UP: this box listens to nothing", "Enter: import")
        assert "the label OSTEON" in page
        screen.press(ENTER)
        page = screen.shows("2  Import the configuration", "8  Identity of this device")
        assert "not set up yet" in page
        assert "WIPE" not in page
        screen.press("98")
        screen.shows("Made now.", "Enter: the menu")
        screen.press(ENTER)
        screen.shows("2  Import")
        site.write_text("dicom: {prot: 1}")
        screen.press("2")
        screen.shows("config-invalid: 6 to mend", "NOT DONE.", "Page 1 of 2")
        assert (site.parent / "osteon-faults.txt").exists()
        screen.press(ESCAPE)
        screen.shows("2  Import")
        site.write_bytes(own_site(new_box, PIN))
        digits = sha256(site.read_bytes()).hexdigest()
        screen.press("2")
        page = screen.shows("type the first 8 digits:")
        assert digits[:16] in page.replace(" ", "")
        screen.press("00000000" + ENTER)
        screen.shows("fingerprint-differs", "NOT DONE.")
        assert (new_box / "site.yaml").read_text() == example_yaml()
        screen.press(ENTER)
        screen.shows("2  Import")
        screen.press("2")
        screen.shows("type the first 8 digits:")
        screen.press(digits[:8] + ENTER)
        screen.shows("The configuration is in place", "Enter: the status")
        assert (new_box / "site.yaml").read_bytes() == site.read_bytes()
        screen.press(ENTER)
        # Set up, and nothing runs: it says so, and asks for the PIN from now on.
        screen.shows("NOT WORKING: images are not taken")
        screen.press(ENTER)
        screen.shows("PIN of this site:")


def test_without_a_pin_only_a_signed_file_is_taken(new_box: Path) -> None:
    stick, config = new_box / "stick", new_box / "site.yaml"
    key = new_box / "hospital"
    signers = new_box / "site-signers"
    signers.write_text(f'hospital namespaces="osteon-site" {new_key(key)}')
    config.write_bytes(own_site(new_box, None))
    (stick / "site.yaml").write_bytes(own_site(new_box, PIN))
    with console(new_box, config, stick=stick, signers=signers) as screen:
        screen.shows("Enter: menu")
        screen.press(ENTER)
        screen.shows("sets no PIN", "2  Import")
        screen.press("2")
        screen.shows("site-unsigned", "NOT DONE.")
        screen.press(ENTER)
        screen.shows("2  Import")
        sign(stick / "site.yaml", key)
        screen.press("2")
        screen.shows("in place; signed by hospital", "Enter: the status")
    assert config.read_bytes() == (stick / "site.yaml").read_bytes()


def test_elsewhere_than_in_a_terminal_it_says_so() -> None:
    done = subprocess.run(
        [*OSTEON, "screen"], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert (done.returncode, "screen-without-terminal" in done.stderr) == (2, True)
    done = subprocess.run(
        [*OSTEON, "technician"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, "menu-uncalled" in done.stderr) == (2, True)
