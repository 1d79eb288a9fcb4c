"""No trace: 200 values of patients go through the box, and none is found outside what is sealed.

The whole box lies on a disk of its own, temporary files too. The search goes through the raw
medium, free blocks included, and through what left the box for where no patient's data belongs.
"""

from __future__ import annotations

import base64
import os
import signal
import socket
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydicom.dataset import Dataset

from tests.simulators import canaries, power
from tests.simulators.box import wait_until
from tests.simulators.hospital import Hospital, hospital
from tests.simulators.modality import associate

DISK_MIB = 192
UNSEALED = """
import appliance.sealing as sealing
sealing.StudySeal.writer = lambda self, raw, purpose="blob": raw
sealing.StudySeal.reader = lambda self, raw, purpose="blob": raw
"""
"""As `sitecustomize`: every Python process of the box keeps what it should seal as it is."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[power.Disk]:
    """A disk for all that the box writes."""
    with power.disk(tmp_path, DISK_MIB) as disk:
        temporary = disk.root / "tmp"
        temporary.mkdir()
        for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME"):
            monkeypatch.setenv(name, str(temporary))
        yield disk


def everything_on(disk: power.Disk, folder: Path) -> frozenset[int]:
    """What the raw medium holds, block by block."""
    subprocess.run(["sync", "--file-system", disk.root], check=True)
    return canaries.found_in(disk.cut(folder / "copy").read_bytes())


def processes_of(there: Hospital) -> bytes:
    """Arguments and environments of the box's processes and all their children."""
    assert there.box.process is not None
    pids, said = [there.box.process.pid], b""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            pids += [int(child) for child in (task / "children").read_text().split()]
        for name in ("cmdline", "environ"):
            said += Path(f"/proc/{pid}/{name}").read_bytes()
    return said


def clinical(there: Hospital) -> tuple[int, ...]:
    """The ports of the listener, the PACS and the printer."""
    printer = urlsplit(there.printer.uri).port
    assert printer is not None
    return (there.box.port, there.pacs.dicom_port, there.pacs.http_port, printer)


@contextmanager
def overheard(*clinical: int) -> Iterator[list[bytes]]:
    """Every packet on loopback but those of the ports by which images and pages must pass."""
    heard: list[bytes] = []
    over = threading.Event()

    def listen() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as ear:
            ear.bind(("lo", 0))
            ear.settimeout(0.2)
            while not over.is_set():
                with suppress(TimeoutError):
                    packet = ear.recv(65_600)
                    if not set(_ports(packet)) & set(clinical):
                        heard.append(packet)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join()


def _ports(packet: bytes) -> tuple[int, ...]:
    """Source and destination of a TCP packet over IPv4, behind Ethernet's 14 bytes."""
    if packet[12:14] != b"\x08\x00" or packet[23] != socket.IPPROTO_TCP:
        return ()
    start = 14 + 4 * (packet[14] & 15)
    return struct.unpack(">HH", packet[start : start + 4])


def cut_short(there: Hospital, film: Dataset) -> None:
    """Begin to send an object and pull the plug in the middle."""
    link = associate(there.box.port, [(film.SOPClassUID, (film.file_meta.TransferSyntaxUID,))])
    transport = link.dul.socket.socket
    whole = link.dul.socket.send
    sent = 0

    def some(content: bytes) -> None:
        nonlocal sent
        sent += len(content)
        if sent > 30_000:
            transport.shutdown(socket.SHUT_RDWR)
        whole(content)

    link.dul.socket.send = some
    link.send_c_store(film)
    link.abort()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_of_a_patient_is_left_anywhere(place: power.Disk, tmp_path: Path) -> None:
    first, second, third, fourth, cut, *rest = canaries.films()
    with hospital(tmp_path, place.root / "box") as there, overheard(*clinical(there)) as heard:
        done = [there.send(first)]
        seen = processes_of(there)
        done.append(there.send(second))
        os.kill(there.box.role_pid("analyse"), signal.SIGSEGV)  # in the middle of it, as by a fault
        done.append(there.send(third))
        there.ended(done[0], seconds=180)
        os.kill(there.box.role_pid("deliver"), signal.SIGABRT)
        cut_short(there, cut)
        os.kill(there.box.role_pid("receive"), signal.SIGKILL)
        wait_until(lambda: there.box.log.count('"listening"') > 1, 60)
        done += [there.send(each) for each in (fourth, *rest)]
        for case in done:
            there.ended(case, seconds=180)
        assert there.box.command("patient", done[0]).returncode == 0
        assert (
            there.box.command(
                "support-bundle", "--output", str(place.root / "bundle.tar.gz")
            ).returncode
            == 0
        )
        for case in done:
            there.delivered(case, seconds=180)
        assert there.box.command("ack", done[0], "--by", "Dr Li").returncode == 0
        seen += processes_of(there)
        there.box.stop()
        assert len(there.printer.printed()) >= len(done)
        mails = b"\n".join(there.mail.raw)
        assert len(there.mail.raw) >= len(done)
    assert heard
    assert canaries.found_in(b"".join(heard)) == frozenset()
    assert canaries.found_in(mails) == frozenset()
    assert canaries.found_in(seen) == frozenset()
    assert everything_on(place, tmp_path) == frozenset()


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_with_sealing_off_the_same_search_finds_them_all(
    place: power.Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched = tmp_path / "unsealed"
    patched.mkdir()
    (patched / "sitecustomize.py").write_text(UNSEALED)
    monkeypatch.setenv("PYTHONPATH", str(patched))
    with hospital(tmp_path, place.root / "box") as there:
        for film in canaries.films():
            there.send(film)
        there.box.stop()
    assert everything_on(place, tmp_path) == frozenset(range(canaries.COUNT))


@pytest.mark.parametrize(
    "spelt",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("gb18030"),
        lambda text: base64.b64encode(b"x" + text.encode() + b"yz"),
        lambda text: base64.encodebytes(b"xy" + text.encode() + b"z" * 90),
        lambda text: base64.b64encode(text.encode()),
        lambda text: zlib.compress(b"a page " * 30 + text.encode()),
        lambda text: zlib.compress(text.encode("utf-16-be"), 9),
    ],
)
@pytest.mark.parametrize("text", [f"{canaries.MARK}042", "2.25.8675309424242042"])
def test_the_search_knows_every_spelling(spelt: object, text: str) -> None:
    assert callable(spelt)
    content = os.urandom(1000) + spelt(f"王{text}小") + os.urandom(1000)
    assert canaries.found_in(content) == {42}


def test_the_search_finds_nothing_in_noise_and_knows_two_hundred() -> None:
    assert canaries.found_in(os.urandom(2**20)) == frozenset()
    assert canaries.COUNT == 200
    sent = b"".join(str(film).encode() for film in canaries.films())
    assert canaries.found_in(sent) == frozenset(range(200))
