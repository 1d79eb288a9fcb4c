"""The built image, and a place for what is made of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image import firmware


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with the newest image; `make image` has made it."""
    assert os.geteuid() == 0, "only root can build and start the image"
    return (firmware.CACHE / "image").resolve()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that programs of the tool root see too."""
    folder = firmware.CACHE / "machines" / tmp_path.name
    folder.mkdir(parents=True)
    yield folder
    subprocess.run(["rm", "-rf", "--one-file-system", folder], check=True)
