import io
from pathlib import Path

import pytest

from appliance.errors import StorageError
from appliance.sealing import MasterKey
from appliance.storage import BlobStore

UID = "1.2.826.0.1.3680043.8.498.1"


@pytest.fixture
def master(tmp_path: Path) -> MasterKey:
    MasterKey.create(tmp_path / "master-key")
    return MasterKey.load(tmp_path / "master-key")


def test_what_was_sealed_comes_back_and_does_not_stand_in_the_blob(
    master: MasterKey, tmp_path: Path
) -> None:
    study = master.study_key(UID)
    seal = master.open_keyset(study, master.new_keyset(study))
    store = BlobStore(tmp_path / "spool")
    blob = store.create()
    content = b"DOE^JANE" * 400_000
    with seal.writer(blob.file) as stream:
        stream.write(content)
    name = blob.commit()
    with store.open(name) as sealed:
        assert b"DOE^JANE" not in sealed.read()
    with seal.reader(store.open(name)) as opened:
        assert opened.read() == content


@pytest.mark.parametrize("position", [0, 20, 41, 60, -1])
def test_a_flipped_byte_is_noticed(master: MasterKey, position: int) -> None:
    study = master.study_key(UID)
    seal = master.open_keyset(study, master.new_keyset(study))
    sealed = bytearray(seal.seal(b"left rib, seventh", "stage/1/gated"))
    sealed[position] ^= 1
    with pytest.raises(StorageError, match="seal-broken"):
        seal.open(bytes(sealed), "stage/1/gated")


def test_a_value_cannot_be_moved_to_another_row_or_another_study(master: MasterKey) -> None:
    study, other = master.study_key(UID), master.study_key(UID + ".2")
    wrapped = master.new_keyset(study)
    sealed = master.open_keyset(study, wrapped).seal(b"x", "stage/1/gated")
    with pytest.raises(StorageError, match="seal-broken"):
        master.open_keyset(study, wrapped).open(sealed, "stage/2/gated")
    with pytest.raises(StorageError, match="seal-broken"):
        master.open_keyset(other, wrapped)


def test_another_box_opens_nothing_and_names_studies_differently(
    master: MasterKey, tmp_path: Path
) -> None:
    MasterKey.create(tmp_path / "other")
    other = MasterKey.load(tmp_path / "other")
    study = master.study_key(UID)
    assert other.study_key(UID) != study
    with pytest.raises(StorageError, match="seal-broken"):
        other.open_keyset(study, master.new_keyset(study))


def test_the_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "master-key"
    MasterKey.create(path)
    assert path.stat().st_mode & 0o777 == 0o400
    with pytest.raises(StorageError, match="master-key-exists"):
        MasterKey.create(path)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"wrapping": 1, "indexing": 2}', b"\xff"])
def test_something_else_is_not_a_master_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master-key"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="master-key-invalid"):
        MasterKey.load(path)


def test_no_key_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="master-key-missing"):
        MasterKey.load(tmp_path / "absent")


def test_a_full_disk_is_said_as_such(master: MasterKey) -> None:
    study = master.study_key(UID)
    seal = master.open_keyset(study, master.new_keyset(study))
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(StorageError, match="disk-full"),
        seal.writer(full) as stream,
    ):
        stream.write(bytes(3_000_000))


def test_case_codes_are_stable_and_readable_aloud(master: MasterKey) -> None:
    study = master.study_key(UID)
    code = master.case_code(study)
    assert code == master.case_code(study)
    assert len(code) == 8
    assert not set(code) & set("ILOU")
    codes = {master.case_code(master.study_key(f"1.2.{number}")) for number in range(500)}
    assert len(codes) == 500


def test_reading_in_pieces_gives_the_whole(master: MasterKey) -> None:
    study = master.study_key(UID)
    seal = master.open_keyset(study, master.new_keyset(study))
    sealed = seal.seal(bytes(range(256)) * 10, "blob")
    stream = seal.reader(io.BytesIO(sealed))
    assert b"".join(iter(lambda: stream.read(100), b"")) == bytes(range(256)) * 10
