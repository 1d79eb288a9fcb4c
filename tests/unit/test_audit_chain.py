"""The audit trail: no byte altered, no line dropped or moved goes unseen."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.audit.chain import START, Head, line_of, seal_of, verify
from appliance.audit.events import MEANING, AuditEvent, AuditKind, typed
from appliance.audit.reader import TrailReader
from appliance.audit.trail import SEAL_SECONDS, AuditTrail
from appliance.audit.trail import verify as verify_trail
from appliance.audit.witness import note_witness, read_witness
from appliance.daemon.audit_watch import AuditWatch
from appliance.daemon.state import StateFolder
from appliance.errors import StorageError
from appliance.loops import Loops
from appliance.signing import DeviceSigner
from tests.simulators.clock import ManualClock

SIGNER = DeviceSigner(ec.generate_private_key(ec.SECP256R1()))
KEYS = (SIGNER.public_key,)
EVENTS = (
    AuditEvent(AuditKind.STARTED, "osteon-access"),
    AuditEvent(AuditKind.PATIENT_SHOWN, "li", "K7Q-3MF2", "TREAT"),
    AuditEvent(AuditKind.PATIENT_REFUSED, "wang", "K7Q-3MF2", "TREAT", is_success=False),
    AuditEvent(AuditKind.ACKNOWLEDGED, "li", "K7Q-3MF2", "by Dr Li"),
)


def chain(sealed_after: tuple[int, ...] = (4,)) -> list[bytes]:
    """The events, signed after the given ones."""
    lines, head = [], START
    for number, event in enumerate(EVENTS, start=1):
        line, head = line_of(head, event, 1_780_000_000.0 + number)
        lines.append(line)
        if number in sealed_after:
            line, head = seal_of(head, "osteon-access", 1_780_000_100.0, SIGNER)
            lines.append(line)
    return lines


def trail_in(folder: Path, clock: ManualClock, signer: DeviceSigner | None = SIGNER) -> AuditTrail:
    return AuditTrail(folder, "osteon-access", signer, clock)


def test_an_untouched_chain_is_whole() -> None:
    verdict = verify(chain((2, 4)), KEYS)
    assert (verdict.is_whole, verdict.count, verdict.sealed) == (True, 6, 6)
    rest = verify(chain((2,)), KEYS)
    assert (rest.is_whole, rest.count, rest.sealed) == (True, 5, 3)


@pytest.mark.parametrize("sealed_after", [(2, 4), (2,)])
def test_every_altered_bit_is_found_also_in_what_is_not_yet_signed(
    sealed_after: tuple[int, ...],
) -> None:
    lines = chain(sealed_after)
    for number, line in enumerate(lines):
        for place in range(len(line)):
            altered = line[:place] + bytes([line[place] ^ (1 << place % 8)]) + line[place + 1 :]
            verdict = verify([*lines[:number], altered, *lines[number + 1 :]], KEYS)
            assert not verdict.is_whole, (number, place)
            assert f"line {number + 1}" in verdict.fault


def test_a_line_dropped_doubled_or_moved_is_found() -> None:
    lines = chain((2, 4))
    for number in range(len(lines) - 1):
        without = lines[:number] + lines[number + 1 :]
        doubled = lines[: number + 1] + lines[number:]
        moved = [*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]]
        for changed in (without, doubled, moved):
            assert not verify(changed, KEYS).is_whole


def test_a_chain_made_anew_without_the_key_is_found_and_one_cut_behind_its_seal_too() -> None:
    other = DeviceSigner(ec.generate_private_key(ec.SECP256R1()))
    assert (
        verify(chain(), (other.public_key,)).fault == "line 5: its signature is not this device's"
    )
    whole = chain((2, 4))
    witness = verify(whole, KEYS).head
    assert verify(whole[:3], KEYS).is_whole  # nothing in the file itself could show it
    assert "dropped" in verify(whole[:3], KEYS, witness).fault
    assert verify(whole, KEYS, verify(whole[:4], KEYS).head).is_whole
    seal_of_another_place = [*whole[:2], whole[5], *whole[3:5]]
    assert not verify(seal_of_another_place, KEYS).is_whole


def test_the_trail_goes_on_after_a_restart_and_signs_what_stands_long(tmp_path: Path) -> None:
    clock = ManualClock()
    first = trail_in(tmp_path, clock)
    head = first.record(EVENTS[1])
    assert verify_trail(tmp_path, KEYS).sealed == 0
    clock.advance(SEAL_SECONDS)
    first.seal_if_due()
    assert verify_trail(tmp_path, KEYS).sealed == 2
    first.record(EVENTS[2])
    first.close()
    second = trail_in(tmp_path, clock)
    second.record(EVENTS[3])
    second.close()
    verdict = verify_trail(tmp_path, KEYS, head)
    assert (verdict.is_whole, verdict.count, verdict.sealed) == (True, 6, 6)
    kinds = [each.kind for each in TrailReader(tmp_path).new()]
    assert kinds == [
        *("patient-shown", "sealed", "patient-refused", "sealed", "acknowledged", "sealed")
    ]


def test_a_line_torn_by_a_power_cut_is_taken_off_and_that_is_recorded(tmp_path: Path) -> None:
    clock = ManualClock()
    trail = trail_in(tmp_path, clock)
    trail.record(EVENTS[1])
    trail.close()
    with (tmp_path / "trail.jsonl").open("ab") as file:
        file.write(b'{"n":3,"at":"20')
    assert verify_trail(tmp_path, KEYS).is_whole  # nobody was answered for it
    again = trail_in(tmp_path, clock)
    again.close()
    lost = [each for each in TrailReader(tmp_path).new() if each.kind == "tail-lost"]
    assert [each.detail for each in lost] == ["15 bytes"]
    assert verify_trail(tmp_path, KEYS).is_whole


def test_a_broken_trail_stays_broken_and_goes_on_being_kept(tmp_path: Path) -> None:
    clock = ManualClock()
    trail = trail_in(tmp_path, clock)
    trail.record(EVENTS[1])
    trail.record(EVENTS[2])
    trail.close()
    place = tmp_path / "trail.jsonl"
    place.write_bytes(place.read_bytes().replace(b'"wang"', b'"wong"'))
    again = trail_in(tmp_path, clock)
    again.record(EVENTS[3])
    again.close()
    reader = TrailReader(tmp_path)
    kinds = [each.kind for each in reader.new()]
    assert kinds == ["patient-shown", "sealed", "acknowledged", "sealed"]  # not the altered one
    assert reader.is_broken
    assert verify_trail(tmp_path, KEYS).fault == "line 2: it was altered"


def test_what_cannot_be_written_is_an_error_and_leaves_no_half_line(tmp_path: Path) -> None:
    trail = trail_in(tmp_path, ManualClock())
    trail.record(EVENTS[1])
    size = (tmp_path / "trail.jsonl").stat().st_size
    pid = os.fork()
    if pid == 0:  # a limit cannot be raised again
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, size + 50))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            trail.record(EVENTS[2])
        except StorageError as error:
            os._exit(7 if error.code == "disk-full" else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert (tmp_path / "trail.jsonl").stat().st_size == size


def test_a_reader_follows_the_trail_line_by_line(tmp_path: Path) -> None:
    reader = TrailReader(tmp_path)
    with pytest.raises(StorageError, match="audit-missing"):
        reader.new()
    trail = trail_in(tmp_path, ManualClock())
    trail.record(EVENTS[1])
    assert [each.actor for each in reader.new()] == ["li"]
    with (tmp_path / "trail.jsonl").open("ab") as file:
        file.write(b"half")
    assert reader.new() == ()
    assert reader.head == trail.head


def test_the_witness_is_read_back_and_a_broken_note_is_none(tmp_path: Path) -> None:
    assert read_witness(tmp_path) == START
    note_witness(tmp_path, Head(7, "ab"))
    note_witness(tmp_path, Head(9, "cd"), "syslog-")
    assert read_witness(tmp_path) == Head(7, "ab")
    assert read_witness(tmp_path, "syslog-") == Head(9, "cd")
    (tmp_path / "audit-witness.json").write_bytes(b"{")
    assert read_witness(tmp_path) == START


def test_an_unsigned_trail_is_chained_all_the_same(tmp_path: Path) -> None:
    trail = trail_in(tmp_path, ManualClock(), signer=None)
    trail.record(EVENTS[1])
    trail.close()
    verdict = verify_trail(tmp_path, KEYS)
    assert (verdict.is_whole, verdict.count, verdict.sealed) == (True, 1, 0)


def test_an_event_is_a_short_printable_text() -> None:
    for text in ("a\nb", "x" * 201):
        with pytest.raises(ValueError, match="audit trail"):
            AuditEvent(AuditKind.EXPORTED, "li", detail=text)
    assert MEANING.keys() == set(AuditKind)
    AuditEvent(AuditKind.ACKNOWLEDGED, "li", detail=f"by {typed(chr(7) + 'Li' * 200)}")


def test_the_watch_counts_guesses_at_the_screen_for_a_day(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    for folder in (state.access, state.deliver):
        folder.mkdir()
    clock = ManualClock()
    trail = trail_in(state.access, clock)
    for code in ("pin-wrong", "pin-locked", "pin-too-early", "pin-locked"):
        trail.record(AuditEvent(AuditKind.MENU_ENTERED, "li", "screen", code, is_success=False))
    trail.record(AuditEvent(AuditKind.MENU_ENTERED, "li", "screen", "pin"))
    watch = AuditWatch(state, None, "site", Loops(clock).add("audit"), clock)
    watch.look()
    assert watch.menu_guesses(clock.now()) == 2
    assert watch.menu_guesses(clock.now() + 86_401) == 0
    trail.close()


def test_the_watch_sees_a_line_altered_and_a_trail_cut(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    for folder in (state.access, state.deliver):
        folder.mkdir()
    trail = trail_in(state.access, ManualClock())
    trail.record(EVENTS[1])
    trail.record(EVENTS[2])

    def watch() -> AuditWatch:
        clock = ManualClock()
        made = AuditWatch(state, None, "site", Loops(clock).add("audit"), clock)
        made.look()
        return made

    assert not watch().is_broken
    place = state.access / "trail.jsonl"
    whole = place.read_bytes()
    place.write_bytes(whole.splitlines(keepends=True)[0])
    assert watch().is_broken
    place.write_bytes(whole.replace(b'"li"', b'"lu"'))
    assert watch().is_broken
    place.write_bytes(whole)
    assert not watch().is_broken
    trail.close()
