"""Where the certificate of a wipe goes: onto a stick, and onto paper."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.cli import wipe_places
from appliance.cli.wipe_places import StickTaker
from appliance.provision.volume import find_volume
from appliance.provision.volume import mounted as mounted_by_the_box
from appliance.wipe.handing_out import Document, hand_out
from appliance.wipe.journal import Result
from appliance.wipe.plan import Destination
from tests.simulators import wiping
from tests.simulators.mail import free_port
from tests.simulators.power import mounted
from tests.simulators.printer import Paper, ipp_printer
from tests.simulators.wiping import WipeBox, attached, filled_box

pytestmark = pytest.mark.timeout(300)

DOCUMENTS = (Document("osteon-wipe-1.json", b"{}"), Document("osteon-wipe-1.pdf", b"%PDF-1.7"))
STICK = Destination("stick", "")


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The content of a stick, whose label is this test's own."""
    label = f"T{free_port()}"
    medium = tmp_path / "stick"
    with medium.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", label, medium], check=True)
    monkeypatch.setattr(wipe_places, "LABELS", (label,))
    return medium


def handed_to_stick() -> tuple[Result, str]:
    (evidence,) = hand_out(DOCUMENTS, {STICK: StickTaker()}, 60)
    assert "osteon-stick-" not in Path("/proc/mounts").read_text()
    return evidence.result, evidence.detail


def test_a_stick_takes_all_documents_and_is_left_unmounted(stick: Path, tmp_path: Path) -> None:
    with attached(stick):
        assert handed_to_stick() == (Result.DONE, "2 file(s)")
    with mounted(stick, tmp_path / "look") as root:
        found = {file.name: file.read_bytes() for file in root.iterdir() if file.is_file()}
    assert found == {each.name: each.content for each in DOCUMENTS}


def test_a_stick_that_is_not_there_or_takes_no_writes_is_evidence(stick: Path) -> None:
    result, detail = handed_to_stick()
    assert result is Result.FAILED
    assert "volume-missing" in detail
    with attached(stick, is_read_only=True):
        result, detail = handed_to_stick()
    assert result is Result.FAILED
    assert "storage-failed" in detail


def test_a_stick_that_somebody_still_uses_loses_nothing(stick: Path, tmp_path: Path) -> None:
    with attached(stick):
        handed_to_stick()
        volume = find_volume(wipe_places.LABELS)
        assert volume is not None
        with mounted_by_the_box(volume) as found:
            used = (found.folder / "osteon-wipe-1.json").open("rb")
        used.close()
        assert not found.folder.exists()
    with mounted(stick, tmp_path / "look") as root:
        assert (root / "osteon-wipe-1.json").exists()


@contextmanager
def box_with_printer(folder: Path) -> Iterator[tuple[WipeBox, list[bytes]]]:
    """A box whose YAML names a printer; what that has printed in the end."""
    box, pages = filled_box(folder / "box", studies=1), list[bytes]()
    with ipp_printer(folder / "p") as printer:
        wiping.write_site(box.folder, printers=[{"name": "night-desk", "uri": printer.uri}])
        yield box, pages
        pages += printer.printed()


def wipe(box: WipeBox, *words: str) -> str:
    done = box.wipe("--operator", "Li Wei", "--serial", box.serial, "--print", "night-desk", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_printer_prints_the_page_and_nothing_else(tmp_path: Path) -> None:
    with box_with_printer(tmp_path) as (box, pages):
        shown = wipe(box)
        kept = box.certificate().with_suffix(".pdf").read_bytes()
    assert "The certificate goes to: printer ipp://" in shown
    assert pages == [kept]


def test_a_printer_without_paper_does_not_keep_a_wipe_from_its_end(tmp_path: Path) -> None:
    with ipp_printer(tmp_path / "p") as printer:
        printer.set_paper(Paper.ABORTS)
        box = filled_box(tmp_path / "box", studies=1)
        wiping.write_site(box.folder, printers=[{"name": "night-desk", "uri": printer.uri}])
        shown = wipe(box)
    assert "hand out to printer" in shown
    assert not box.folder.exists() or not list(box.folder.iterdir())
