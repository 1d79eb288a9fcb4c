"""The menu's import of a configuration: what it changes is said before it is taken."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from appliance.cli.technician.box import Box
from appliance.cli.technician.sticks import import_configuration
from appliance.config.example import example_yaml
from appliance.config.pin import hash_of
from appliance.daemon.site_file import SiteFile
from appliance.daemon.supervise import ROLES
from appliance.errors import ConfigError
from appliance.screen.items import Access
from appliance.screen.session import DeclinedError
from tests.simulators import spot_pack
from tests.simulators.at_the_screen import Talk, talk
from tests.simulators.sticks import new_key, sign

CHANGED = "dicom.ae_title: OSTEON -> OSTEON2"


def site_yaml(folder: Path, ae_title: str, pin: str) -> bytes:
    content = yaml.safe_load(example_yaml())
    content["packs"] = {"folder": str(folder / "packs")}
    content["state_folder"] = str(folder / "state")
    del content["master_key_file"], content["mail"]["password_file"], content["mail"]["login"]
    content["dicom"]["ae_title"] = ae_title
    content["screen"] = {"pin_hash": hash_of(pin)}
    return yaml.safe_dump(content, sort_keys=False).encode()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box that works; on its stick lies a site YAML with another AE title and another PIN."""
    (tmp_path / "stick").mkdir()
    spot_pack.write(tmp_path / "packs")
    (tmp_path / "stick" / "site.yaml").write_bytes(site_yaml(tmp_path, "OSTEON2", "583027"))
    config, signers = tmp_path / "site.yaml", tmp_path / "site-signers"
    config.write_bytes(site_yaml(tmp_path, "OSTEON", "274916"))
    for role in ROLES:
        SiteFile(config, role).is_up()
    signers.write_text(f'hospital namespaces="osteon-site" {new_key(tmp_path / "hospital")}')
    return box_with(tmp_path, Access.PIN)


def box_with(folder: Path, access: Access) -> Box:
    return Box(
        config=folder / "site.yaml",
        identity=folder / "identity",
        stick=folder / "stick",
        signers=(folder / "site-signers",),
        wipe_journal=folder / "wipe",
        access=access,
        refused=folder / "refused.json",
    )


def offered(box: Box) -> Path:
    assert box.stick is not None
    return box.stick / "site.yaml"


def chosen(box: Box, *answers: str) -> Talk:
    return talk(lambda dialogue: import_configuration(box, dialogue), *answers)


def test_what_a_signed_file_changes_is_said_and_esc_takes_none(box: Box) -> None:
    before = box.config.read_bytes()
    sign(offered(box), box.config.parent / "hospital")
    told = chosen(box)
    assert isinstance(told.end, DeclinedError)
    assert told.said[-1] == "It is signed. To take it, press Enter:"
    assert [line.strip() for line in told.said if "dicom" in line] == [CHANGED]
    assert "screen.pin_hash: changed (not shown)" in told.text
    assert "argon2" not in told.text
    assert box.config.read_bytes() == before
    told = chosen(box, "")
    assert told.end is None
    assert "in place; signed by hospital." in told.text
    assert box.config.read_bytes() == offered(box).read_bytes()


def test_what_an_unsigned_file_changes_is_said_before_it_is_confirmed(box: Box) -> None:
    told = chosen(box, sha256(offered(box).read_bytes()).hexdigest()[:8])
    assert told.end is None
    assert told.text.index(CHANGED) < told.text.index("type the first 8 digits")
    assert "press Enter" not in told.text
    assert box.config.read_bytes() == offered(box).read_bytes()


def test_what_the_box_uses_already_is_said_and_not_asked_about(box: Box) -> None:
    offered(box).write_bytes(box.config.read_bytes())
    sign(offered(box), box.config.parent / "hospital")
    told = chosen(box)
    assert told.end is None
    assert told.said[0] == "The box uses exactly this already."


def test_who_has_no_pin_learns_nothing_of_what_is_in_use(box: Box) -> None:
    told = chosen(box_with(box.config.parent, Access.NO_PIN))
    assert isinstance(told.end, ConfigError)
    assert told.end.code == "site-unsigned"
    assert "dicom" not in told.text
