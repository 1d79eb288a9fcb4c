import threading
from pathlib import Path

import pytest

from appliance.errors import StorageError
from appliance.storage import BlobStore, locked, write_durably


def test_a_blob_has_a_name_only_once_it_is_whole(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    blob = store.create()
    blob.file.write(b"slice")
    assert list(store.names()) == []
    name = blob.commit()
    assert list(store.names()) == [name]
    with store.open(name) as file:
        assert file.read() == b"slice"


def test_a_discarded_blob_leaves_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    blob = store.create()
    blob.file.write(b"slice")
    blob.discard()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    blob = store.create()
    blob.file.write(b"half")
    kept = store.create().commit()
    assert BlobStore(tmp_path).sweep_incoming() == 1
    assert list(store.names()) == [kept]
    blob.discard()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a" * 31, "A" * 32, "a" * 33])
def test_only_its_own_names_lead_anywhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match="blob-name-invalid"):
        BlobStore(tmp_path).open(name)


def test_a_missing_blob_is_said_and_deleting_twice_is_no_fault(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    name = store.create().commit()
    store.delete(name)
    store.delete(name)
    with pytest.raises(StorageError, match="blob-missing"):
        store.open(name)


def test_a_small_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "slots.json"
    write_durably(path, b"old")
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_locked_folder_lets_the_second_in_when_the_first_has_left(tmp_path: Path) -> None:
    order: list[str] = []

    def enter() -> None:
        with locked(tmp_path):
            order.append("second")

    second = threading.Thread(target=enter)
    with locked(tmp_path):
        second.start()
        second.join(0.3)
        order.append("first")
    second.join(60)
    assert order == ["first", "second"]
    with pytest.raises(StorageError, match="storage-failed"), locked(tmp_path / "none"):
        pass
