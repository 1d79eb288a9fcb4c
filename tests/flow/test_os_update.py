"""A system image from the maker's repository into the other slot, its trial, and the way back."""

from __future__ import annotations

import fcntl
from contextlib import suppress
from pathlib import Path

import pytest

from appliance.daemon.os import unit
from appliance.errors import UpdateError, UsageError
from appliance.update import download
from appliance.update.history import Happening
from appliance.update.os.contents import PIECE_BYTES
from appliance.update.os.record import OsFault
from appliance.update.os.states import OsState
from appliance.update.source import FolderSource, Pieces
from tests.simulators.os_box import FLASHED, NAME, WORKING, OsBox
from tests.simulators.update_repository import MadeImage, RepositoryMaker, make_image

NEW, NEWER = "1.1.0.1", "1.2.0.1"


@pytest.fixture
def maker(tmp_path: Path) -> RepositoryMaker:
    return RepositoryMaker(tmp_path / "repository")


@pytest.fixture
def box(maker: RepositoryMaker, tmp_path: Path) -> OsBox:
    return OsBox.flashed(tmp_path / "box", maker.first_root)


def source(maker: RepositoryMaker) -> FolderSource:
    return FolderSource(maker.folder)


def installed(box: OsBox, maker: RepositoryMaker, version: str = NEW, index: int = 1) -> MadeImage:
    """Released, fetched and written into the other slot."""
    image = maker.release_image(make_image(version, index))
    assert box.apply(source(maker)) == ()
    box.may_restart = False
    box.unit.go_on()
    box.may_restart = True
    assert box.record.state is OsState.INSTALLED
    return image


def kept(box: OsBox, maker: RepositoryMaker, version: str = NEW, index: int = 1) -> MadeImage:
    """The same, started, found healthy and kept."""
    image = installed(box, maker, version, index)
    assert box.start() == version
    assert box.unit.needed() == WORKING
    box.bless()
    box.unit.go_on()
    assert box.record.state is OsState.COMMITTED
    return image


def test_an_image_is_installed_beside_started_and_kept(maker: RepositoryMaker, box: OsBox) -> None:
    image = installed(box, maker)
    for name, content in image.named().items():
        if not name.endswith(".efi"):
            assert (box.slots / name).read_bytes() == content
    assert (box.esp / f"{NAME}_{NEW}+3-0.efi").read_bytes() == image.named()[f"{NAME}_{NEW}.efi"]
    assert not box.os.ready.exists()
    box.unit.go_on()
    assert box.restarts == 1
    assert box.start() == NEW
    assert box.unit.look().state is OsState.TRIAL
    assert box.record.active.version == FLASHED
    box.bless()
    box.unit.go_on()
    record = box.record
    assert (record.state, record.active.version) == (OsState.COMMITTED, NEW)
    assert record.previous is not None
    assert record.previous.version == FLASHED
    assert box.happened == [Happening.INSTALLED, Happening.TRIED, Happening.KEPT]
    assert [event.detail for event in box.audited] == ["installed", "tried", "kept"]
    assert box.unit.needed() is None


def test_an_image_of_several_pieces_is_put_together_as_it_was(
    maker: RepositoryMaker, box: OsBox
) -> None:
    """Its root ends in an empty piece, as a partition does."""
    image = maker.release_image(make_image(NEW, empty=2 * PIECE_BYTES))
    box.apply(source(maker))
    box.unit.go_on()
    root = next(name for name in image.named() if name.endswith(".root"))
    assert (box.slots / root).read_bytes() == image.named()[root]


class Line:
    """A source whose line breaks after so many bytes, and that counts what it has carried."""

    def __init__(self, folder: Path, budget: int) -> None:
        self._source = FolderSource(folder)
        self.budget = budget
        self.carried = 0

    @property
    def name(self) -> str:
        return "line"

    def read(self, path: str, begin: int = 0) -> Pieces:
        for place, piece in self._source.read(path, begin):
            for at in range(0, len(piece), 4096):
                part = piece[at : at + 4096]
                if path.startswith("targets/os/files"):
                    self.carried += len(part)
                    if self.carried > self.budget:
                        raise UpdateError("update-source-slow", "not done")
                yield place + at, part


def test_a_slow_line_carries_an_image_over_many_attempts(
    maker: RepositoryMaker, box: OsBox
) -> None:
    maker.release_image(make_image(NEW))
    whole = sum(file.stat().st_size for file in maker.folder.glob("targets/os/files/*/*"))
    carried = attempts = 0
    is_here = False
    while not is_here:
        line = Line(maker.folder, 12_000)
        with suppress(UpdateError):
            is_here = box.apply(line) == ()
        attempts += 1
        carried += min(line.carried, line.budget)
        if not is_here:
            box.unit.go_on()
            assert box.record.state is OsState.COMMITTED
    assert attempts > 1
    assert carried < whole + attempts * 4096  # nothing twice, but for the piece that broke
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED
    assert not list(box.places.partial.iterdir())


def test_an_image_for_which_there_is_no_room_is_not_begun(
    maker: RepositoryMaker, box: OsBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.release_image(make_image(NEW))
    with monkeypatch.context() as full:
        full.setattr(download, "free_bytes", lambda _folder: 1 << 20)
        with pytest.raises(UpdateError, match="update-no-room"):
            box.apply(source(maker))
    assert not list(box.places.mirror.rglob("*.xz"))
    box.apply(source(maker))
    monkeypatch.setattr(download, "free_bytes", lambda _folder: 1 << 20)
    with pytest.raises(UpdateError, match="update-no-room"):
        box.unit.go_on()
    assert box.record.state is OsState.COMMITTED


def test_nothing_is_written_while_a_study_is_under_way(maker: RepositoryMaker, box: OsBox) -> None:
    maker.release_image(make_image(NEW))
    box.apply(source(maker))
    box.is_quiet = False
    box.unit.go_on()
    assert not list(box.slots.iterdir())
    box.is_quiet = True
    box.unit.go_on()
    assert box.restarts == 1
    assert box.record.state is OsState.INSTALLED


def test_it_restarts_by_itself_only_when_the_site_allows_and_it_is_quiet(
    maker: RepositoryMaker, box: OsBox
) -> None:
    installed(box, maker)
    box.may_restart = False
    box.unit.go_on()
    box.may_restart, box.is_quiet = True, False
    box.unit.go_on()
    with pytest.raises(UpdateError, match="os-study-under-way"):
        box.unit.restart_by_hand()
    assert box.restarts == 0
    box.may_restart, box.is_quiet = False, True
    box.unit.restart_by_hand()
    assert box.restarts == 1


def test_an_ill_image_falls_back_and_is_never_installed_again(
    maker: RepositoryMaker, box: OsBox
) -> None:
    installed(box, maker)
    for _ in range(3):
        assert box.start() == NEW
        assert box.unit.needed() == WORKING
        box.unit.failed_its_health(["model spots"])
    assert box.start() == FLASHED
    box.unit.go_on()
    record = box.record
    assert (record.state, record.active.version) == (OsState.REVERTED, FLASHED)
    assert record.setback is not None
    assert (record.setback.reason, record.setback.detail) == ("os-unhealthy", "model spots")
    assert [entry.version for entry in box.loader.entries()] == [FLASHED]
    assert box.apply(source(maker)) == ()
    box.unit.go_on()
    assert box.record.state is OsState.REVERTED
    assert box.start() == FLASHED


def test_an_image_that_hangs_before_anybody_asks_falls_back_by_its_tries(
    maker: RepositoryMaker, box: OsBox
) -> None:
    installed(box, maker)
    assert [box.start() for _ in range(4)] == [NEW, NEW, NEW, FLASHED]
    box.unit.go_on()
    assert box.record.denied == {NEW: OsFault.TRIES}
    kept(box, maker, NEWER)


def test_a_person_goes_back_to_the_image_before(maker: RepositoryMaker, box: OsBox) -> None:
    kept(box, maker)
    record = box.unit.take_back("li", "prints no pages")
    assert record.state is OsState.RETREATING
    box.unit.go_on()
    assert box.restarts == 1
    assert box.start() == FLASHED
    box.unit.go_on()
    record = box.record
    assert (record.state, record.active.version, record.previous) == (
        OsState.REVERTED,
        FLASHED,
        None,
    )
    assert record.denied == {NEW: OsFault.BY_HAND}
    assert (box.folder / "default").read_text() == ""
    assert box.start() == FLASHED
    with pytest.raises(UsageError, match="os-nothing-kept"):
        box.unit.take_back("li", "")


def test_an_installed_image_that_a_person_does_not_want_never_starts(
    maker: RepositoryMaker, box: OsBox
) -> None:
    installed(box, maker)
    box.unit.take_back("li", "")
    assert box.start() == FLASHED
    box.unit.go_on()
    assert box.record.state is OsState.COMMITTED
    assert box.record.denied == {NEW: OsFault.BY_HAND}


def test_a_halted_image_that_has_not_started_is_called_off_and_may_come_again(
    maker: RepositoryMaker, box: OsBox
) -> None:
    image = installed(box, maker)
    maker.roll_out(image, halted=True)
    maker.write()
    box.apply(source(maker))
    box.unit.go_on()
    assert box.record.state is OsState.COMMITTED
    assert box.start() == FLASHED
    maker.roll_out(image)
    maker.write()
    box.apply(source(maker))
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED


def test_a_recalled_image_gives_way_to_the_one_before(maker: RepositoryMaker, box: OsBox) -> None:
    image = kept(box, maker)
    maker.roll_out(recalled=[image.digest])
    maker.write()
    box.apply(source(maker))
    box.unit.go_on()
    assert box.record.state is OsState.RETREATING
    assert box.restarts == 1
    assert box.start() == FLASHED
    box.unit.go_on()
    assert box.record.denied == {NEW: OsFault.RECALLED}


def test_a_recalled_image_with_nothing_before_it_runs_on_and_that_is_told(
    maker: RepositoryMaker, box: OsBox
) -> None:
    kept(box, maker)
    box.unit.take_back("li", "")
    box.start()
    box.unit.go_on()
    newest = kept(box, maker, NEWER)
    (box.esp / f"{NAME}_{FLASHED}.efi").unlink()
    maker.roll_out(recalled=[newest.digest])
    maker.write()
    box.apply(source(maker))
    with pytest.raises(UpdateError, match="os-boot-entry-missing"):
        box.unit.go_on()
    assert box.record.state is OsState.COMMITTED


def test_the_floor_rises_only_to_what_is_kept_beside_a_blessed_image(
    maker: RepositoryMaker, box: OsBox
) -> None:
    def floor() -> int:
        return box.os_floors.read().packs.get(NAME, 0)

    kept(box, maker, NEW, 5)
    assert floor() == 0  # the flashed one is kept beside it
    installed(box, maker, NEWER, 7)
    box.unit.go_on()
    box.start()
    box.unit.go_on()
    assert floor() == 0
    box.bless()
    box.unit.go_on()
    box.unit.go_on()
    assert floor() == 5
    old = maker.release_image(make_image("1.3.0.1", 4))
    box.apply(source(maker))
    with pytest.raises(UpdateError, match="update-image-downgrade"):
        box.unit.go_on()
    assert old.version not in {entry.version for entry in box.loader.entries()}


def test_an_older_image_than_the_running_one_is_not_taken(
    maker: RepositoryMaker, box: OsBox
) -> None:
    kept(box, maker, NEWER)
    maker.release_image(make_image(NEW, 9))
    box.apply(source(maker))
    box.unit.go_on()
    assert box.record.state is OsState.COMMITTED
    assert not list((box.places.mirror / "targets/os").rglob("*.xz"))


def test_a_box_that_was_flashed_anew_begins_anew(maker: RepositoryMaker, box: OsBox) -> None:
    installed(box, maker)
    (box.esp / f"{NAME}_2.0.0.1.efi").write_bytes(b"another")
    box.running = "2.0.0.1"
    assert box.unit.look().active.version == "2.0.0.1"
    box.os.record.write_text("{")
    assert box.unit.look().state is OsState.COMMITTED
    assert box.history[-1].details["code"] == "os-record-broken"


def test_one_call_at_a_time_works_in_the_folder(
    box: OsBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit, "_PATIENCE_S", 0.0)
    box.unit.look()
    with box.os.lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UpdateError, match="update-busy"):
            box.unit.go_on()
    box.unit.go_on()


def test_without_a_floor_record_nothing_is_installed(maker: RepositoryMaker, box: OsBox) -> None:
    maker.release_image(make_image(NEW))
    box.apply(source(maker))
    for place in box.os.verifying.floors:
        place.unlink()
    with pytest.raises(UpdateError, match="update-floor-missing"):
        box.unit.go_on()
    assert not list(box.slots.iterdir())
