"""A maker after the ceremony, made once for all tests of this folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.simulators import spot_pack
from tests.simulators.maker import Maker, changed_pack

NAME = spot_pack.NAME
FIRST, NEXT = "0.1.0.1", "0.1.0.2"


@pytest.fixture(scope="package")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spot_pack.write(tmp_path_factory.mktemp("packs")) / NAME


@pytest.fixture(scope="package")
def released(tmp_path_factory: pytest.TempPathFactory, pack: Path) -> Maker:
    """A maker after the ceremony, with one pack rolled out to everybody; not to be changed."""
    maker = Maker.founded(tmp_path_factory.mktemp("maker"))
    maker.release(pack)
    maker.run("rollout", "start", NAME, FIRST)
    return maker


@pytest.fixture(scope="package")
def proposed(released: Maker, pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a pack that comes after the released one; nobody has signed it."""
    folder = tmp_path_factory.mktemp("proposed")
    better = changed_pack(pack, folder, version=NEXT, summary="Said better.")
    released.run("build", better, "--out", folder / "pack.zip")
    return folder / "pack.zip"


@pytest.fixture
def bundle(proposed: Path, tmp_path: Path) -> Path:
    """The same, to be signed."""
    return Path(shutil.copy(proposed, tmp_path / "proposed.zip"))


@pytest.fixture
def maker(released: Maker, tmp_path: Path) -> Maker:
    """The same, to be changed."""
    return released.copied(tmp_path / "maker")
