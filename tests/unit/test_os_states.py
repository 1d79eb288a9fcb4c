"""Which system runs: the table, walked at random beside a machine that restarts as it likes."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from appliance.errors import UpdateError
from appliance.update.history import Entry, Happening
from appliance.update.os import record as records
from appliance.update.os.boot_entries import BootEntry, parse_entries
from appliance.update.os.contents import PIECE_BYTES, ImageContents
from appliance.update.os.deciding import Orders, OsFacts, Step, next_step, settled
from appliance.update.os.record import OsFault, OsRecord, OsRef
from appliance.update.os.record_file import read_record, write_record
from appliance.update.os.states import AT_REST, TRANSITIONS, OsEvent, OsState
from appliance.update.os.telling import troubles
from appliance.update.os.windows import Window
from appliance.update.versions import version_key
from tests.simulators.update_repository import make_image

FLASHED = "1.0.0.1"
DAY = 86_400.0


def image(number: int) -> OsRef:
    return OsRef(f"1.{number}.0.1", f"{number:064x}", number)


class Walk(RuleBasedStateMachine):
    """A box whose record, boot loader and maker do what they may, in any order."""

    @initialize()
    def flashed(self) -> None:
        self.running, self.boot, self.now = FLASHED, 1, 0.0
        self.entries: dict[str, int | None] = {FLASHED: None}
        self.pinned = ""
        self.orders = Orders(None)
        self.record: OsRecord = settled(None, self.facts(), 0.0)

    def facts(self, *, quiet: bool = True, restart: bool = True) -> OsFacts:
        entries = tuple(BootEntry(version, left, version) for version, left in self.entries.items())
        return OsFacts(self.running, str(self.boot), entries, self.orders, quiet, restart)

    @rule(number=st.integers(0, 6))
    def ordered(self, number: int) -> None:
        self.orders = replace(self.orders, wanted=image(number) if number else None)

    @rule(number=st.integers(1, 6))
    def recalled(self, number: int) -> None:
        digests = self.orders.recalled | {image(number).digest}
        wanted = self.orders.wanted
        is_gone = wanted is not None and wanted.digest in digests
        self.orders = Orders(None if is_gone else wanted, digests)

    @rule(quiet=st.booleans(), restart=st.booleans(), dies=st.booleans())
    def goes_on(self, *, quiet: bool, restart: bool, dies: bool) -> None:
        """One call of the unit; `dies`: after it has acted, before it has written that down."""
        self.now += 1
        facts = self.facts(quiet=quiet, restart=restart)
        self.record = settled(self.record, facts, self.now)
        step = next_step(self.record, facts)
        before = self.record
        match step:
            case Step.INSTALL:
                assert quiet
                wanted = self.orders.wanted
                assert wanted is not None
                assert wanted.version not in self.record.denied
                assert version_key(wanted.version) > version_key(self.running)
                if self.record.state is not OsState.INSTALLING:
                    self.record = records.begun(
                        self.record, wanted, frozenset(), facts.boot, self.now
                    )
                before, self.pinned = self.record, ""
                self.install(wanted.version)
                self.record = records.written(self.record, facts.boot, self.now)
            case Step.CALL_OFF:
                assert self.record.candidate is not None
                self.entries.pop(self.record.candidate.version, None)
                self.record = records.called_off(self.record, "", "", self.now)
            case Step.GO_BACK:
                assert self.record.previous is not None
                self.pinned = self.record.previous.version
                self.record = records.taken_back(self.record, OsFault.RECALLED, "", self.now)
            case Step.FORGET:
                self.pinned = ""
                for version in self.record.denied:
                    self.entries.pop(version, None)
            case Step.RESTART:
                assert quiet
                assert restart
                self.starts()
        if dies:
            self.record = before

    def install(self, version: str) -> None:
        """The other slot is written over: two images are kept, and never a third."""
        self.entries = {self.running: self.entries[self.running], version: 3}

    @rule()
    def starts(self) -> None:
        """A restart, asked for or not."""
        self.boot += 1
        usable = [each for each, left in self.entries.items() if left != 0]
        chosen = self.pinned if self.pinned in self.entries else max(usable, key=version_key)
        left = self.entries[chosen]
        self.entries[chosen] = None if left is None else left - 1
        self.running = chosen

    @precondition(lambda self: self.entries.get(self.running) is not None)
    @rule()
    def is_blessed(self) -> None:
        self.entries[self.running] = None

    @precondition(lambda self: self.record.previous and self.record.state is OsState.COMMITTED)
    @rule()
    def taken_back_by_hand(self) -> None:
        self.record = settled(self.record, self.facts(), self.now)
        if self.record.state is OsState.COMMITTED and self.record.previous:
            self.pinned = self.record.previous.version
            self.record = records.taken_back(self.record, OsFault.BY_HAND, "", self.now)

    @invariant()
    def something_starts(self) -> None:
        """There is always an image without a counter, that the boot loader can fall back to."""
        assert None in self.entries.values()
        assert len(self.entries) <= 2

    @invariant()
    def what_is_denied_is_neither_kept_nor_new(self) -> None:
        candidate = self.record.candidate
        assert candidate is None or candidate.version not in self.record.denied


Walk.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestWalk = Walk.TestCase


def committed() -> OsRecord:
    """A box that has taken one image."""
    record = records.found(FLASHED, "1", 0.0)
    record = records.begun(record, image(1), frozenset({"data"}), "1", 1.0)
    record = records.started(records.written(record, "1", 2.0), "2", 3.0)
    return records.blessed(record, "2", 4.0)


def test_the_table_uses_every_state_and_event() -> None:
    assert set(TRANSITIONS.values()) == set(OsState)
    assert {event for _, event in TRANSITIONS} == set(OsEvent)
    with pytest.raises(ValueError, match="written in committed"):
        records.written(committed(), "2", 5.0)
    for state in OsState:
        assert (state in AT_REST) == ((state, OsEvent.BEGUN) in TRANSITIONS)


def test_a_record_that_contradicts_itself_cannot_be_made() -> None:
    for changes in ({"state": OsState.TRIAL}, {"candidate": image(2)}):
        with pytest.raises(ValueError, match="candidate"):
            replace(committed(), **changes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="go back"):
        replace(committed(), state=OsState.RETREATING, previous=None)


def test_the_record_survives_its_file(tmp_path: Path) -> None:
    assert read_record(tmp_path / "os.json") is None
    record = records.taken_back(committed(), OsFault.BY_HAND, "li", 5.0)
    write_record(tmp_path / "os.json", record)
    assert read_record(tmp_path / "os.json") == record


@pytest.mark.parametrize(
    ("left", "reason"), [(0, OsFault.TRIES), (3, OsFault.NOT_STARTED), (1, OsFault.NOT_STARTED)]
)
def test_why_an_image_did_not_come_up_shows_by_its_tries(left: int, reason: OsFault) -> None:
    record = records.begun(records.found(FLASHED, "1", 0.0), image(1), frozenset(), "1", 1.0)
    record = records.written(record, "1", 2.0)
    entries = (BootEntry(FLASHED, None, ""), BootEntry(image(1).version, left, ""))
    same_boot = OsFacts(FLASHED, "1", entries)
    assert settled(record, same_boot, 3.0) == record
    after = settled(record, replace(same_boot, boot="2"), 3.0)
    assert after.setback is not None
    assert (after.state, after.setback.reason) == (OsState.REVERTED, reason)


def test_entries_are_read_as_the_boot_loader_names_them() -> None:
    files = [
        *("osteon_1.0.0.1.efi", "osteon_1.1.0.1+3-0.efi", "osteon_1.2.0.1+0-3.efi"),
        *("osteon_1.3.0.1+2.efi", "osteon-nvidia_9.0.0.1.efi", "osteon_1.0.0.efi", "linux.efi"),
        ".#sysupdateosteon_1.4.0.1+3-0.efi0123",
    ]
    found = {entry.version: entry.left for entry in parse_entries("osteon", files)}
    assert found == {"1.0.0.1": None, "1.1.0.1": 3, "1.2.0.1": 0, "1.3.0.1": 2}


def test_a_window_may_run_over_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    night = Window(time(23), time(5))
    hours = [hour for hour in range(24) if night.holds(hour * 3600.0)]
    assert hours == [0, 1, 2, 3, 4, 23]


def test_the_technician_is_told_of_what_failed_and_of_what_waits() -> None:
    record = committed()
    assert not list(troubles(record, (), 10.0))
    failed = replace(records.begun(record, image(2), frozenset(), "2", 5.0), fault="os-unhealthy")
    failed = records.written(failed, "2", 6.0)
    assert not list(troubles(failed, (), 7.0))
    assert [code for code, _ in troubles(failed, (), 6.0 + DAY)] == ["os-restart-waits"]
    after = records.fell_back(failed, OsFault.TRIES, "3", 8.0)
    ((code, detail),) = troubles(after, (), 9.0)
    assert (code, detail) == ("os-taken-back", "1.2.0.1: os-unhealthy; runs 1.1.0.1")
    entry = Entry("2026-11-22T00:00:00Z", Happening.FAILED, {"code": "os-install-failed"})
    assert ("os-install-failed", "system") in list(troubles(record, (entry,), 9.0))
    expired = replace(entry, details={"code": "update-metadata-expired"})
    assert not list(troubles(record, (expired,), 9.0))


def test_a_release_json_is_read_strictly() -> None:
    contents = make_image("1.1.0.1", empty=PIECE_BYTES).contents
    good = contents.to_json()
    assert ImageContents.parse(good) == contents
    lengths = [length for file in contents.files for _, length in file.lengths()]
    assert sum(lengths) == contents.length
    for old, new in (
        (b'"format": 1', b'"format": 2'),
        (b'"osteon"', b'"debian"'),
        (b'"1.1.0.1"', b'"1.1"'),
        (b'"efi"', b'"root"'),
        (b'"partition": ""', b'"partition": "x"'),
        (b'"length": 9000', b'"length": 9000000000'),
        (b'"files"', b'"more": 1, "files"'),
        (b"{", b"["),
    ):
        assert old in good
        with pytest.raises(UpdateError, match="update-target-invalid"):
            ImageContents.parse(good.replace(old, new, 1))
