"""The life of a box: flashed, set up by a stick, at work, cut off, renewed, wiped, made new.

One machine, one story: starting it takes minutes without KVM. The image's own firmware path, root
and units are under test; what it reads is read by packs whose networks an emulated processor does
in seconds. `test_root` reads with the packs that are shipped.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.training.data.dicom_series import write_series
from tests.image import firmware, netns, next_system
from tests.image.disk import partitions, traces
from tests.image.guest import GO
from tests.image.hospital import SLOW, Site, stick_files
from tests.image.machine import VirtualMachine, write_stick
from tests.simulators import canaries, glint_pack, spot_pack
from tests.simulators.box import wait_until
from tests.simulators.mail import mail_server
from tests.simulators.modality import dcmtk, save
from tests.simulators.printer import ipp_printer
from tests.simulators.update_repository import MadeImage, RepositoryMaker
from tests.simulators.web_server import nginx

pytestmark = [pytest.mark.image, pytest.mark.timeout(5400)]

CONFIGURED = {11112}
"""The ports that the site YAML of this test opens."""
NEXT, BROKEN = "9.1.0.1", "9.2.0.1"


@pytest.fixture
def site(built: Path, place: Path, tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        mail = stack.enter_context(mail_server(tmp_path))
        printer = stack.enter_context(ipp_printer(tmp_path / "p"))
        yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        maker = RepositoryMaker.of_this_checkout(tmp_path / "www", yesterday)
        maker.write()
        web = stack.enter_context(nginx(maker.folder, tmp_path / "nginx"))
        cable = stack.enter_context(netns.cable())
        vm = VirtualMachine(built, place / "vm", tap=cable.tap)
        stack.callback(vm.clear)
        vm.make()
        vm.stick = write_stick(place / "stick.img", stick_files(tmp_path, mail, printer, web))
        packs = glint_pack.write(spot_pack.write(tmp_path / "packs"))
        yield Site(vm, mail, printer, maker, packs, cable)


@pytest.fixture
def newer(built: Path, site: Site, place: Path) -> Iterator[Future[MadeImage]]:
    """What its maker has published since the box was flashed; made while the box starts."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(published, next_system.working, NEXT, built, site, place)


def published(
    make: Callable[..., MadeImage], version: str, built: Path, site: Site, place: Path
) -> MadeImage:
    """A newer system in the maker's repository, rolled out to nobody yet."""
    folder = place / version
    folder.mkdir()
    image = make(built, folder, version, site.vm.agent_initrd)
    site.maker.publish_image(image)
    return image


def test_a_box_from_its_first_boot_to_its_wipe(
    site: Site, newer: Future[MadeImage], tmp_path: Path
) -> None:
    site.switch_on()
    site.says_how_long(data_are_encrypted_to_this_machine, site)
    site.says_how_long(listens_only_where_it_was_told, site)
    site.says_how_long(tells_of_a_ct, site, tmp_path / "ct")
    site.says_how_long(shows_it_on_the_screen, site)
    films = save(canaries.films(), tmp_path / "films")
    site.says_how_long(takes_a_newer_system, site, newer.result(SLOW))
    site.says_how_long(loses_nothing_when_its_power_fails, site, films)
    site.says_how_long(keeps_a_newer_system_that_works, site)
    site.says_how_long(leaves_nothing_when_it_is_wiped, site)


@pytest.mark.exhaustive
def test_a_box_falls_back_and_is_made_new(built: Path, site: Site, place: Path) -> None:
    site.switch_on()
    broken = published(next_system.not_starting, BROKEN, built, site, place)
    site.says_how_long(falls_back_from_one_that_does_not_start, site, broken)
    site.says_how_long(leaves_nothing_when_it_is_wiped, site)
    site.says_how_long(is_as_flashed_after_a_factory_reset, site)


def data_are_encrypted_to_this_machine(site: Site) -> None:
    """By the TPM2, to the firmware's state and to whoever may sign kernel images."""
    header = json.loads(
        site.vm.run(
            *("cryptsetup", "luksDump", "--dump-json-metadata"),
            "/dev/disk/by-partlabel/osteon-data",
        ).out
    )
    (token,) = header["tokens"].values()
    assert token["type"] == "systemd-tpm2"
    assert token["tpm2-pcrs"] == [7, 12]
    assert token["tpm2_pubkey_pcrs"] == [11]
    places = site.vm.run("findmnt", "-rno", "TARGET", "/dev/mapper/osteon-data").out.split()
    assert {"/var/lib/osteon", "/etc/osteon", "/etc/credstore.encrypted"} <= set(places)
    identity = json.loads(site.vm.run("osteon", "first-boot", "identity", "--json").out)
    assert identity["protection"] == "tpm2"
    assert site.vm.run("findmnt", "-no", "OPTIONS", "/").out.startswith("ro")


def listens_only_where_it_was_told(site: Site) -> None:
    """TCP is scanned from outside, all of it; of UDP the guest itself tells."""
    nic = json.loads(site.vm.run("ip", "-j", "link").out)[-1]["ifname"]
    site.vm.run("ip", "addr", "add", f"{netns.GUEST}/24", "dev", nic)
    site.vm.run("ip", "link", "set", nic, "up")
    answered = site.cable.inside("python3", str(netns.scanner()), netns.GUEST)
    assert {int(port) for port in answered.split()} == CONFIGURED
    listening = site.vm.run("ss", "-Hlun").out.split("\n")
    udp = {line.split()[3].rpartition(":")[2] for line in listening if line}
    assert udp <= {"68"}, "a DHCP client waits for its answers; nothing else"


def tells_of_a_ct(site: Site, folder: Path) -> None:
    """C-STORE of a chest CT from outside; the mail and the page come out."""
    name = f"{canaries.MARK}000"
    files = write_series(glint_pack.chest(), folder, patient_name=name, patient_id="CT", seed=1)
    site.stores(*files, calling="CT1")
    site.until(lambda: len(site.alerted()) == 1)
    site.until(lambda: bool(site.printer.printed()))
    assert set(site.studies().values()) == {"alert"}


def shows_it_on_the_screen(site: Site) -> None:
    """On the first console, for whoever stands before it; nobody is asked to log in."""
    (case,) = site.studies()
    site.until(lambda: case in site.vm.screen())
    shown = site.vm.screen()
    assert "RECEIVING" in shown
    assert "not for diagnosis" in shown
    assert "login:" not in shown


def takes_a_newer_system(site: Site, image: MadeImage) -> None:
    """Fetched from the maker's server, verified, and written beside the one that runs."""
    installs(site, image)
    assert site.version() != image.version


def installs(site: Site, image: MadeImage) -> None:
    """It is rolled out; the box fetches it, and its installing unit takes it."""
    site.maker.roll_out(image)
    site.maker.write()
    site.vm.run("osteon", "update", "apply", seconds=SLOW)
    site.vm.run("systemctl", "start", "osteon-os-install.service", seconds=SLOW)
    assert site.system()["state"] == "installed"


def loses_nothing_when_its_power_fails(site: Site, films: list[Path]) -> None:
    """Cut while studies come in: whatever was answered with Success ends, and is told.

    What starts afterwards is the newer system, which has to open the data volume first.
    """
    known = len(site.studies())
    taken: list[Path] = []

    def send() -> None:
        for film in films:
            done = dcmtk("storescu", site.vm.dicom, film, calling="DR1", seconds=SLOW)
            if done.returncode != 0:
                return
            taken.append(film)

    sender = threading.Thread(target=send)
    sender.start()
    wait_until(lambda: len(taken) >= 3, SLOW)
    site.vm.cut()
    sender.join(SLOW)
    acknowledged = known + len(taken)
    site.switch_on()
    site.until(lambda: len(site.studies()) >= acknowledged)
    site.until(lambda: set(site.studies().values()) == {"alert"})
    site.until(lambda: site.alerted() >= set(site.studies()))
    print(f"\n  power cut: {acknowledged} acknowledged, {len(site.studies())} told", flush=True)


def keeps_a_newer_system_that_works(site: Site) -> None:
    """As soon as all works that worked before, its tries are counted no more."""
    assert site.version() == NEXT
    site.until(lambda: f"osteon_{NEXT}.efi" in site.vm.run("ls", "/boot/EFI/Linux").out.split())
    site.vm.run("systemctl", "start", "osteon-os-install.service", seconds=SLOW)
    assert site.system()["state"] == "committed"


def falls_back_from_one_that_does_not_start(site: Site, image: MadeImage) -> None:
    """Three starts end before there is a root; the fourth is the system before."""
    before = site.version()
    installs(site, image)
    site.vm.restarts(lambda: site.vm.run("osteon", "update", "os", "restart"))
    site.receives()
    assert site.version() == before
    site.vm.run("systemctl", "start", "osteon-os-install.service", seconds=SLOW)
    told = site.system()
    assert told["state"] == "reverted"
    assert told["failed"] == BROKEN


def leaves_nothing_when_it_is_wiped(site: Site) -> None:
    """The certificate is on the stick; the disk holds no value of a patient, and no key."""
    for case in site.studies():
        site.vm.run("osteon", "ack", case, "--by", "Dr. Night")
    # What the search finds when it is there.
    site.vm.run("sh", "-c", f"printf {canaries.MARK}001 >/keep/mark && sync /keep/mark")
    done = site.vm.run(
        *("osteon", "wipe", "--operator", "Li Wei", "--serial", "BOX-0001", "--stick"),
        seconds=SLOW,
        is_checked=False,
    )
    assert done.status == 0, done.out + done.err
    site.vm.run("sync")
    assert traces(site.vm.disk) == {1}
    data = partitions(site.vm.disk)["osteon-data"]
    with site.vm.disk.open("rb") as disk:
        disk.seek(data.start)
        assert b"LUKS" not in disk.read(1 << 20)
    names = firmware.in_tools("mdir", "-b", "-i", str(site.vm.stick), "::")
    assert "osteon-wipe" in names


def is_as_flashed_after_a_factory_reset(site: Site) -> None:
    """A wiped box can be given to somebody else: both partitions anew, another identity."""
    assert site.vm.run("ls", "/keep/wipe").out
    site.until(lambda: "was wiped" in site.vm.screen())
    for key, shown in (("\n", "Factory reset"), ("n", "NEW")):
        site.vm.types(key)
        site.until(lambda shown=shown: shown in site.vm.screen())
    site.vm.restarts(lambda: site.vm.types("NEW\n"))
    site.is_running()
    site.vm.run("touch", GO)
    site.until(lambda: site.vm.run("test", "-d", "/data/osteon", is_checked=False).status == 0)
    assert site.vm.run("ls", "/keep/wipe").out == ""
    assert traces(site.vm.disk) == frozenset()
