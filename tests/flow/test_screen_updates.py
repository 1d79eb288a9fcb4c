"""The menu's updates: models from the maker's stick, as over the network, and what became of it."""

from __future__ import annotations

import hashlib
import json
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from appliance.cli.technician.box import Box
from appliance.cli.technician.updating import from_stick, history
from appliance.errors import OsteonError
from appliance.screen.items import Access
from appliance.signing import DeviceSigner, open_envelope
from appliance.update.offers import read_offers
from appliance.update.receipt import PAYLOAD_TYPE
from tests.flow.test_update_cli import VERSION, Technician
from tests.simulators import trail
from tests.simulators.at_the_screen import Talk, talk
from tests.simulators.update_repository import NAME, RepositoryMaker

pytestmark = pytest.mark.timeout(300)

LARGER = {"network.onnx": hashlib.shake_256(b"larger").digest(900_000)}


def audited(there: Technician) -> list[tuple[str, str, bool]]:
    return trail.audited(there.folder / "state", "menu-action")


def kept_meanwhile(there: Technician) -> AbstractContextManager[None]:
    return trail.keeping_the_trail(there.folder / "site.yaml", there.folder / "state")


@pytest.fixture
def there(tmp_path: Path) -> Technician:
    """A box that takes no updates by a network; its maker has released one model."""
    there = Technician(tmp_path)
    there.types("reset-floor", "--by", "A. Chen", "--reason", "no network")
    return there


def box_of(there: Technician) -> Box:
    folder = there.folder
    return Box(
        config=folder / "site.yaml",
        identity=folder / "identity",
        stick=there.maker.folder,
        signers=(),
        wipe_journal=folder / "wipe",
        access=Access.PIN,
        refused=folder / "refused.json",
    )


def chosen(there: Technician) -> Talk:
    return talk(lambda dialogue: from_stick(box_of(there), dialogue))


def test_a_model_comes_from_the_stick_with_its_progress_and_a_receipt(there: Technician) -> None:
    pack = there.maker.release(there.maker.make_pack(VERSION, 2, more_files=LARGER))
    with kept_meanwhile(there):
        told = chosen(there)
        said = audited(there)
    assert told.end is None, told.text
    assert (f"{NAME} {VERSION}", "from a stick", True) in said
    tenths = [line for line in told.said if line.startswith(f"{NAME}: ")]
    assert tenths
    assert tenths[-1].startswith(f"{NAME}: 100 % of ")
    assert 2 <= len(tenths) <= 10
    assert f"{NAME} {VERSION}: fetched; its trial begins" in told.text
    assert "A signed receipt lies on the stick" in told.text
    assert all(len(row) <= 78 for line in told.said for row in line.splitlines())
    assert read_offers(there.update.offers).offers[NAME].digest == pack.digest
    (receipt,) = (there.maker.folder / "receipts").iterdir()
    signer = DeviceSigner.from_pem((there.folder / "device.key").read_bytes())
    word = json.loads(open_envelope(receipt.read_bytes(), [signer.public_key], PAYLOAD_TYPE))
    assert [each["digest"] for each in word["offered"]] == [pack.digest]
    # Once more: there is nothing left to fetch, and the history has all of it.
    assert "Nothing to fetch." in chosen(there).text
    shown = talk(lambda dialogue: history(box_of(there), dialogue)).text
    assert "last good check" in shown
    for what in ("floor-reset", "checked", "offered"):
        assert what in shown
    assert all(len(row) <= 78 for row in shown.splitlines())


def refused_with(there: Technician) -> str:
    told = chosen(there)
    assert isinstance(told.end, OsteonError), told.text
    assert not (there.update.offers).exists() or not read_offers(there.update.offers).offers
    return told.end.code


def test_a_stick_without_a_repository_is_refused(there: Technician) -> None:
    for place in sorted((there.maker.folder / "metadata").iterdir()):
        place.unlink()
    assert refused_with(there) == "update-metadata-absent"


def test_a_stick_of_another_maker_is_refused(there: Technician, tmp_path: Path) -> None:
    stranger = RepositoryMaker(tmp_path / "stranger", there.maker.now)
    stranger.release(stranger.make_pack(VERSION, 2))
    there.maker = stranger
    assert refused_with(there) == "update-metadata-refused"


def test_a_model_that_is_not_what_was_signed_is_refused_by_name(there: Technician) -> None:
    there.maker.release(there.maker.make_pack(VERSION, 2, more_files=LARGER))
    files = [each for each in (there.maker.folder / "targets").rglob("*") if each.is_file()]
    network = max(files, key=lambda file: file.stat().st_size)
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    network.write_bytes(content)
    with kept_meanwhile(there):
        told = chosen(there)
        said = audited(there)
    assert isinstance(told.end, OsteonError), told.text
    assert (f"{NAME} {VERSION}", f"from a stick {told.end.code}", False) in said
    assert f"{NAME} {VERSION}: refused: {told.end.code}" in " ".join(told.text.split())
    assert not read_offers(there.update.offers).offers
