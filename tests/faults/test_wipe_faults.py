"""A wipe that is killed, loses its power, or meets a medium that fails or is full (issue 6)."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from appliance.errors import StorageError, WipeError
from appliance.wipe import luks
from appliance.wipe.certificate import Status, open_certificate
from appliance.wipe.journal import Intent, Journal, Phase
from appliance.wipe.phases import PHASES, go_through
from appliance.wipe.plan import Volume
from appliance.wipe.programs import SystemPrograms
from tests.simulators.box import ROOT
from tests.simulators.power import disk, mounted
from tests.simulators.wiping import (
    WipeBox,
    attached,
    begun,
    canaries_in,
    decrypted,
    encrypted_disk,
    filled_box,
    opens_with_any,
    opens_with_passphrase,
)
from tests.simulators.wiping_runner import resume, tools_of

pytestmark = pytest.mark.timeout(600)

CHANGES = (
    "write,pwrite64,fsync,fdatasync,rename,renameat,unlink,unlinkat,rmdir,mkdir,mkdirat,"
    "fchmod,fallocate,ftruncate,ioctl,flock,vfork,clone,clone3,kill"
)
"""System calls that change something or start a program; between two of them nothing differs."""
SAMPLES = 10


def public_pem(intent: Intent) -> bytes:
    signer = tools_of(intent).open_signer()
    assert signer is not None
    return signer.public_pem


def is_clean(box: WipeBox, key: bytes, backup: Path) -> bool:
    """Whether all is gone, nothing opens an old backup, and the certificate says so, signed."""
    certificate = open_certificate(box.certificate().read_bytes(), key)
    left = opens_with_any(backup, box.folder.parent)
    return (
        certificate.status is not Status.FAILED
        and not list(box.folder.iterdir())
        and not (box.journal / "intent.json").exists()
        and left == []
    )


@dataclass
class Runner:
    """Wipes in children of a process that has everything loaded."""

    process: subprocess.Popen[str]

    def run(self, *strace: str) -> int:
        """Go on with the wipe, watched by strace if it is given words; how it ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        while " (python" not in (stat := Path(f"/proc/{child}/stat").read_text()) or (
            stat.rpartition(")")[2].split()[0] != "T"
        ):
            time.sleep(0.001)
        watching = None
        if strace:
            watching = subprocess.Popen(["strace", "-q", "-p", str(child), *strace])
            while "TracerPid:\t0" in Path(f"/proc/{child}/status").read_text():
                assert watching.poll() is None
                time.sleep(0.001)
        os.kill(child, signal.SIGCONT)
        ended = int(self.process.stdout.readline())
        if watching is not None:
            watching.wait(20)
        return ended


@pytest.fixture(scope="module")
def runner() -> Iterator[tuple[Runner, Path]]:
    """One for the box that lies at a place in memory: there a sync costs nothing."""
    place = Path("/dev/shm", f"osteon-{os.getpid()}")
    command = [sys.executable, "-m", "tests.simulators.wiping_runner", place / "osteon-wipe"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield Runner(process), place
        finally:
            process.stdin.close()  # type: ignore[union-attr]
            process.wait(20)
            shutil.rmtree(place, ignore_errors=True)


def restore(template: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(template, place)


def calls_of_a_wipe(runner: Runner, trace: Path) -> list[tuple[str, int]]:
    """Each system call of a whole wipe: its name, and the how manieth of that name it is."""
    assert runner.run("-e", f"trace={CHANGES}", "-o", str(trace)) == 0
    names = re.findall(r"^(\w+)\(", trace.read_text(), re.MULTILINE)
    counts: Counter[str] = Counter()
    calls = []
    for name in names:
        counts[name] += 1
        calls.append((name, counts[name]))
    return calls


def kill_everywhere(runner: tuple[Runner, Path], tmp_path: Path, samples: int | None) -> None:
    child, place = runner
    shutil.rmtree(place, ignore_errors=True)
    box = filled_box(place / "box", studies=1, images=1)
    key = public_pem(begun(box))
    template = tmp_path / "template"
    shutil.copytree(place, template)
    calls = calls_of_a_wipe(child, tmp_path / "trace")
    assert is_clean(box, key, template / "box" / "state")
    assert len(calls) > 100
    points = calls[:: 1 if samples is None else len(calls) // samples]
    killed = 0
    for name, number in points:
        restore(template, place)
        inject = f"inject={name}:signal=SIGKILL:when={number}"
        ended = child.run("-e", inject, "-o", "/dev/null")
        assert ended in {-signal.SIGKILL, 0}, (name, number)
        killed += ended != 0
        if (box.journal / "intent.json").exists():
            assert child.run() == 0, (name, number)
        assert is_clean(box, key, template / "box" / "state"), (name, number)
    # Runs differ by a few calls: the last of a name may never come.
    assert killed > 0.9 * len(points)


def test_a_wipe_killed_at_a_system_call_goes_on_and_ends_clean(
    runner: tuple[Runner, Path], tmp_path: Path
) -> None:
    kill_everywhere(runner, tmp_path, SAMPLES)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_a_wipe_killed_at_each_of_its_system_calls_goes_on_and_ends_clean(
    runner: tuple[Runner, Path], tmp_path: Path
) -> None:
    kill_everywhere(runner, tmp_path, None)


@pytest.mark.timeout(600)
def test_a_power_cut_at_each_phase_is_resumed_and_nothing_is_left_on_the_raw_medium(
    tmp_path: Path,
) -> None:
    cuts: dict[str, Path] = {}
    with disk(tmp_path, mib=24) as power:
        box = filled_box(power.root / "box")
        backup = tmp_path / "backup"
        shutil.copytree(box.state, backup)
        os.sync()
        assert canaries_in(power.medium) >= 200
        intent = begun(box)
        key = public_pem(intent)

        def cut(phase: str) -> None:
            cuts[phase] = power.cut(tmp_path / f"cut-{phase}")

        with Journal(box.journal).locked():
            go_through(Journal(box.journal), intent, replace(tools_of(intent), say=cut))
    assert list(cuts) == list(PHASES)
    for medium in cuts.values():
        with mounted(medium, tmp_path / "disk"):
            resume(Journal(box.journal))
            assert is_clean(box, key, backup)
        assert canaries_in(medium) == 0
        medium.unlink()


def test_a_luks_medium_holds_nothing_afterwards_and_no_header_backup_finds_anything(
    tmp_path: Path,
) -> None:
    box = filled_box(tmp_path / "box")
    medium = encrypted_disk(tmp_path, box.state, mib=40)
    assert canaries_in(decrypted(medium, tmp_path / "plain")) == 200
    backup = tmp_path / "backup"
    box.state.rename(backup)
    header = tmp_path / "header"
    command = ["cryptsetup", "luksHeaderBackup", medium, "--header-backup-file", header]
    subprocess.run(command, check=True)
    with attached(medium) as device:
        intent = begun(box, device)
        key = public_pem(intent)
        status = resume(Journal(box.journal))
        assert status is Status.CLEAR
        assert not opens_with_passphrase(device)
    assert is_clean(box, key, backup)
    assert canaries_in(medium) == 0
    assert not medium.read_bytes().strip(b"\0"), "a discard of a loop device leaves a hole"
    content = header.read_bytes() + bytes(medium.stat().st_size - header.stat().st_size)
    (tmp_path / "restored").write_bytes(content)
    assert canaries_in(decrypted(tmp_path / "restored", tmp_path / "plain")) == 0
    certificate = open_certificate(box.certificate().read_bytes(), key)
    assert certificate.media[0].technique == "blkdiscard"
    assert certificate.media[0].verification.startswith("none of ")
    assert any("LUKS header" in each.what for each in certificate.outstanding)


def test_luks_killed_in_the_middle_of_an_erase_never_opens_after_the_next_run(
    tmp_path: Path,
) -> None:
    content = tmp_path / "content"
    content.mkdir()
    medium = encrypted_disk(tmp_path, content, mib=40)
    fresh = medium.read_bytes()
    with attached(medium) as device:
        header = luks.read_header(device, SystemPrograms())
        volume = Volume(device, header.uuid, header.header_bytes)
        for number in (1, 2, 3, 5, 8, 13):
            Path(device).write_bytes(fresh)
            assert opens_with_passphrase(device)
            inject = f"inject=write,pwrite64,fsync:signal=SIGKILL:when={number}"
            erase = ["cryptsetup", "luksErase", "--batch-mode", device]
            subprocess.run(
                ["strace", "-f", "-q", "-e", inject, "-o", "/dev/null", *erase],
                check=False,
                capture_output=True,
            )
            assert luks.destroy(volume, SystemPrograms()) == ()
            assert not opens_with_passphrase(device)


def test_a_medium_that_takes_no_writes_has_failed_and_is_called_so(tmp_path: Path) -> None:
    box = filled_box(tmp_path / "box", studies=1)
    medium = encrypted_disk(tmp_path, box.state, mib=40)
    shutil.rmtree(box.state)
    with attached(medium, is_read_only=True) as device:
        intent = begun(box, device)
        key = public_pem(intent)
        assert resume(Journal(box.journal)) is Status.FAILED
        assert opens_with_passphrase(device)
    certificate = open_certificate(box.certificate().read_bytes(), key)
    assert certificate.status == "FAILED: destroy the medium"
    assert certificate.media[0].status is Status.FAILED
    failed = {
        one.what for step in certificate.steps for one in step.evidence if one.result == "failed"
    }
    assert f"{device} does not open again" in failed
    # What could be destroyed was: the identity is gone, and no boot tries again for ever.
    assert not list(box.folder.iterdir())
    assert not (box.journal / "intent.json").exists()


def test_keys_that_could_not_be_overwritten_are_no_success(
    runner: tuple[Runner, Path],
) -> None:
    child, place = runner
    shutil.rmtree(place, ignore_errors=True)
    box = filled_box(place / "box", studies=1, images=1)
    key = public_pem(begun(box))
    failing = "inject=pwrite64:error=EIO:when=1..3"
    assert child.run("-e", failing, "-o", "/dev/null") == 3
    certificate = open_certificate(box.certificate().read_bytes(), key)
    assert certificate.status is Status.FAILED
    assert not box.key.exists()


@contextlib.contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    place = folder / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path, phase: str = Phase.STATEMENT) -> None:
    """Take all the room there is, with the first phase and with the last ones."""
    if phase not in {Phase.STATEMENT, Phase.VERIFICATION, Phase.CERTIFICATE}:
        return
    with contextlib.suppress(OSError), (place / "ballast").open("ab", buffering=0) as file:
        for _ in range(10_000):
            file.write(bytes(64 * 1024))
    with contextlib.suppress(OSError), (place / "rest").open("ab", buffering=0) as file:
        for _ in range(10_000):
            file.write(bytes(512))


def test_a_full_disk_refuses_before_the_point_of_no_return_and_stops_nothing_after_it(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path, 8) as place:
        box = filled_box(place / "box", studies=1, images=1)
        fill(place)
        with pytest.raises(StorageError) as raised:
            begun(box)
        assert raised.value.code == "disk-full"
        assert Journal(box.journal).intent() is None
        assert box.key.exists()
        for name in ("ballast", "rest"):
            (place / name).unlink()
        intent = begun(box)
        key = public_pem(intent)

        # Full again with the first phase, and again when room was made: then nothing is left of the
        # room that was kept for the certificate.
        tools = replace(tools_of(intent), say=lambda phase: fill(place, phase))
        with pytest.raises(WipeError) as homeless:
            go_through(Journal(box.journal), intent, tools)
        assert homeless.value.code == "wipe-certificate-homeless"
        assert not box.key.exists()
        assert not box.state.exists()
        for name in ("ballast", "rest"):
            (place / name).unlink()
        assert resume(Journal(box.journal)) is Status.CLEAR
        certificate = open_certificate(box.certificate().read_bytes(), key)
        assert certificate.status is Status.CLEAR
        assert not box.identity.exists()
