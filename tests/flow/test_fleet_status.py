"""A box's status on its way over real HTTPS, up to the maker's table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.errors import UpdateError
from appliance.signing import DeviceSigner
from appliance.update.slots import PackRef, Slot, Source
from appliance.update.states import UpdateState
from appliance.update.status import Known, Status, status_of
from appliance.update.status_sending import STATUS, StatusAddress, post, put_out
from tests.simulators.mail import free_port
from tests.simulators.maker import Maker
from tests.simulators.status_desk import StatusDesk, status_desk

NOW = 1_795_000_000.0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[StatusDesk]:
    with status_desk(tmp_path / "desk") as desk:
        yield desk


@pytest.fixture
def signer() -> DeviceSigner:
    return DeviceSigner(ec.generate_private_key(ec.SECP256R1()))


def status(signer: DeviceSigner) -> Status:
    pack = PackRef("1.0.0.0", "1" * 64, 1, Source.FACTORY)
    slots = {"spots": Slot(UpdateState.COMMITTED, NOW, active=pack)}
    return status_of(Known(signer.device_id, "0.1.0", slots, {}, ()), NOW)


def test_a_posted_status_stands_in_the_makers_table(
    desk: StatusDesk, signer: DeviceSigner, tmp_path: Path
) -> None:
    envelope = put_out(status(signer), signer, tmp_path)
    assert (tmp_path / STATUS).read_bytes() == envelope
    assert (tmp_path / STATUS).stat().st_mode & 0o777 == 0o640
    post(envelope, StatusAddress(desk.url, desk.ca_file))
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "north.pem").write_bytes(signer.public_pem)
    maker = Maker(tmp_path / "maker")
    maker.folder.mkdir()
    maker.hold_ceremony()
    said = maker.run("fleet", desk.folder, "--devices", keys)
    assert "north" in said
    assert "spots" in said
    assert "1.0.0.0" in said
    assert "silent" in said  # it is from another year
    assert '"box": "north"' in maker.run("fleet", desk.folder, "--devices", keys, "--json")


def test_what_cannot_be_sent_is_an_error_of_its_own(
    desk: StatusDesk, signer: DeviceSigner, tmp_path: Path
) -> None:
    envelope = put_out(status(signer), signer, tmp_path)
    desk.status = 503
    unsent = [
        StatusAddress(desk.url, desk.ca_file),
        StatusAddress(desk.url, None),  # an authority that this system does not know
        StatusAddress(f"https://localhost:{free_port()}/", desk.ca_file),
        StatusAddress(desk.url, tmp_path / "missing.pem"),
        StatusAddress(desk.url, desk.ca_file, f"http://localhost:{free_port()}"),
    ]
    for address in unsent:
        with pytest.raises(UpdateError) as caught:
            post(envelope, address)
        assert caught.value.code == "update-status-unsent"
