"""The wrapping key is rotated while the receiver works; killed anywhere, it goes on from there."""

from __future__ import annotations

import grp
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from appliance.errors import StorageError
from appliance.keyring import KeyRing, wrapped_by
from appliance.provision import key_home
from appliance.provision.key_home import HAND_OVER, KeyCredential, KeyFile, KeyHome, KeyRotation
from appliance.sealing import MasterKey
from tests.simulators.modality import send
from tests.simulators.objects import ct_series, film
from tests.simulators.receiving import RunningReceiver, running_receiver

NOBODY = 65534


@contextmanager
def keeping(running: RunningReceiver) -> Iterator[None]:
    """The keeper's hand: wraps anew again and again, beside receiving."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.01):
            running.receiver.upkeep.wrap_anew()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def wrap_all(running: RunningReceiver) -> None:
    while running.receiver.upkeep.wrap_anew():
        pass


def sole_key(running: RunningReceiver) -> int | None:
    with running.ledger() as intake:
        return intake.lives.sole_wrapping_key()


def all_open(running: RunningReceiver, master: MasterKey) -> bool:
    with running.ledger() as intake:
        for instance in running.instances():
            wrapped = intake.wrapped_keyset(instance.study)
            assert wrapped is not None
            seal = master.open_keyset(instance.study, wrapped)
            with seal.reader(running.store.open(instance.blob)) as stream:
                assert b"DICM" in stream.read()[:132]
    return True


def test_every_study_is_wrapped_by_the_new_key_and_the_former_opens_nothing(
    tmp_path: Path,
) -> None:
    with running_receiver(tmp_path) as running:
        for _ in range(3):
            send(running.port, ct_series(2))
        shutil.copy(tmp_path / "master.key", tmp_path / "stolen.key")
        rotation = KeyRotation(KeyFile(tmp_path / "master.key"), None)
        with keeping(running):
            ring = rotation.begin()
            statuses = [send(running.port, [film()]) for _ in range(3)]
            while sole_key(running) != ring.primary:
                threading.Event().wait(0.02)
        assert statuses == [[0]] * 3
        rotation.finish(ring)
        assert all_open(running, MasterKey.load(tmp_path / "master.key"))
        assert all_open(running, running.master)
        stolen = MasterKey.load(tmp_path / "stolen.key")
        with running.ledger() as intake:
            for study in intake.lives.living():
                wrapped = intake.wrapped_keyset(study)
                assert wrapped is not None
                assert wrapped_by(wrapped) == ring.primary
                with pytest.raises(StorageError, match="seal-broken"):
                    stolen.open_keyset(study, wrapped)


def test_names_and_case_codes_stay_what_they_were() -> None:
    ring = KeyRing.create()
    renewed = ring.with_new_primary().with_primary_alone()
    assert renewed.primary != ring.primary
    before, after = MasterKey(ring), MasterKey(renewed)
    study = before.study_key("1.2.3")
    assert after.study_key("1.2.3") == study
    assert after.case_code(study) == before.case_code(study)


def test_who_holds_the_former_key_finds_the_new_one_when_it_needs_it(tmp_path: Path) -> None:
    """The analyser and the deliverer: nobody tells them, and no keyset fails to open."""
    with running_receiver(tmp_path) as running:
        send(running.port, [film()])
        analyser = MasterKey.load(tmp_path / "master.key")
        KeyRotation(KeyFile(tmp_path / "master.key"), None).begin()
        wrap_all(running)
        assert all_open(running, analyser)


def test_an_image_in_flight_is_filed_and_holds_the_former_key(tmp_path: Path) -> None:
    with running_receiver(tmp_path) as running:
        send(running.port, [film()])
        upkeep = running.receiver.upkeep
        arriving = running.master.study_key("1.2.3.4")
        held = upkeep._keysets.borrow(arriving)
        ring = KeyRotation(KeyFile(tmp_path / "master.key"), None).begin()
        wrap_all(running)
        assert held.stored.wrapped_by in ring.former
        assert sole_key(running) != ring.primary
        upkeep._keysets.give_back(arriving)
        wrap_all(running)
        assert sole_key(running) == ring.primary
        assert upkeep._keysets.borrow(arriving).stored.wrapped_by == ring.primary


def test_a_keyset_of_a_retired_key_is_never_filed(tmp_path: Path) -> None:
    [one] = ct_series(1)
    with running_receiver(tmp_path) as running:
        send(running.port, [film()])
        with running.writer.transaction():
            running.writer.lives.retire([running.master.wrapping_key], 1)
        assert send(running.port, [one]) == [0xA700]
        assert len(running.instances()) == 1


@pytest.mark.parametrize("step", ["begun", "wrapped-in-part", "wrapped", "finished"])
def test_killed_after_any_step_the_same_command_ends_it(tmp_path: Path, step: str) -> None:
    home = KeyFile(tmp_path / "master.key")
    with running_receiver(tmp_path) as running:
        for _ in range(2):
            send(running.port, [film()])
        ring = KeyRotation(home, None).begin()
        if step == "wrapped-in-part":
            [(study, before), _] = running.writer.lives.wrapped_otherwise(ring.primary, 2)
            running.master.renew()
            after = running.master.wrap_anew(study, before)
            with running.writer.transaction():
                running.writer.lives.wrap_anew(study, before, after, ring.primary)
        if step in {"wrapped", "finished"}:
            wrap_all(running)
        if step == "finished":
            KeyRotation(home, None).finish(ring)
    with running_receiver(tmp_path) as running:
        assert all_open(running, running.master)
        resumed = KeyRotation(home, None).begin()
        if step != "finished":
            assert resumed == ring
        wrap_all(running)
        assert sole_key(running) == resumed.primary
        KeyRotation(home, None).finish(resumed)
        assert home.read().former == ()
        assert all_open(running, running.master)
    with running_receiver(tmp_path) as running:
        assert all_open(running, running.master)


def test_a_damaged_keyset_does_not_hold_a_rotation_up(tmp_path: Path) -> None:
    with running_receiver(tmp_path) as running:
        send(running.port, [film()])
        send(running.port, [film()])
        with running.writer.transaction():
            running.writer._execute(
                "UPDATE studies SET wrapped_keyset = x'0a02ffff' WHERE newest = 1"
            )
        ring = KeyRotation(KeyFile(tmp_path / "master.key"), None).begin()
        wrap_all(running)
        assert sole_key(running) == ring.primary


# --- a credential, which stays as it was for a unit that runs -------------------------------------


class HeldByUnit:
    """A credential in the test's hand, in place of systemd's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ring = KeyRing.create()

    def read(self) -> KeyRing:
        return self.ring

    def write(self, ring: KeyRing) -> None:
        self.ring = ring


def test_units_follow_the_hand_over_however_long_they_had_not_looked(tmp_path: Path) -> None:
    home: KeyHome = HeldByUnit(tmp_path / "credential")
    started_with = home.read()
    copy = tmp_path / "as-started"
    copy.write_bytes(started_with.serialize())
    run = tmp_path / "run" / "keys"
    quick, sleepy = MasterKey.load(copy, run), MasterKey.load(copy, run)
    study = quick.study_key("1.2.3")
    first = quick.new_keyset(study)
    for _ in range(3):
        rotation = KeyRotation(home, run)
        ring = rotation.begin()
        quick.renew()
        assert quick.wrapping_key == ring.primary
        first = quick.wrap_anew(study, first)
        rotation.finish(ring)
        assert home.read().former == ()
    assert sleepy.wrapping_key == started_with.primary
    sleepy.open_keyset(study, first)
    assert sleepy.wrapping_key == home.read().primary
    for file in run.iterdir():
        assert home.read().wrapping not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_user_of_the_group_follows_the_hand_over_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    group = grp.getgrnam("nogroup")
    monkeypatch.setattr(key_home, "_GROUP", group.gr_name)
    home = HeldByUnit(tmp_path / "credential")
    place = HAND_OVER.with_name(f"osteon-keys-{os.getpid()}")
    before = os.umask(0o077)
    try:
        started_with = home.read()
        rotated = KeyRotation(home, place).begin()
        assert primary_seen_by(group.gr_gid, started_with, place) == rotated.primary
        assert primary_seen_by(group.gr_gid + 1, started_with, place) == started_with.primary
    finally:
        os.umask(before)
        shutil.rmtree(place, ignore_errors=True)


def primary_seen_by(group: int, ring: KeyRing, place: Path) -> int:
    """What a unit of that group, and of no user's privileges, takes for the present key."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            os.setgroups([])
            os.setgid(group)
            os.setuid(NOBODY)
            os.write(writer, str(ring.taken_over(place).primary).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as said:
        return int(said.read())


def test_another_boxs_hand_over_changes_nothing(tmp_path: Path) -> None:
    KeyRotation(HeldByUnit(tmp_path / "other"), tmp_path / "run").begin()
    own = HeldByUnit(tmp_path / "own")
    [file] = (tmp_path / "run").iterdir()
    file.rename(tmp_path / "run" / f"{own.ring.primary:08x}")
    (tmp_path / "key").write_bytes(own.ring.serialize())
    master = MasterKey.load(tmp_path / "key", tmp_path / "run")
    master.renew()
    assert master.wrapping_key == own.ring.primary


def test_systemds_credential_is_replaced_by_one_that_opens(tmp_path: Path) -> None:
    require_systemd_creds()
    home = KeyCredential(tmp_path / "osteon.master-key")
    ring = KeyRing.create()
    home.write(ring)
    assert home.read() == ring
    assert ring.wrapping not in home.path.read_bytes()
    rotation = KeyRotation(home, tmp_path / "run")
    begun = rotation.begin()
    assert home.read() == begun
    assert begun.former == (ring.primary,)
    rotation.finish(begun)
    assert home.read().primary == begun.primary
    assert home.read().former == ()


def require_systemd_creds() -> None:
    if shutil.which("systemd-creds") is None:
        pytest.fail("install the Debian package systemd")


def test_no_credential_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="master-key-missing"):
        KeyCredential(tmp_path / "none").read()
    with pytest.raises(StorageError, match="master-key-missing"):
        KeyFile(tmp_path / "none").read()
