"""What `osteon config check` says about the files that a site YAML names, and about odd files."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

import pytest
import trustme
import yaml

from appliance.config.example import example_yaml
from appliance.config.faults import ConfigFaults, Fault
from appliance.config.files import check_site
from appliance.config.load import load_site
from appliance.errors import ConfigError
from tests.simulators import spot_pack

NOBODY = 65_534
NOW = dt.datetime.now(dt.UTC)


class Place:
    """A folder with a site YAML and all that it names, everything in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.yaml = folder / "site.yaml"
        authority = trustme.CA()
        self.issue(authority.issue_cert("box.example"))
        authority.cert_pem.write_to_path(folder / "ca.crt")
        for name in ("master.key", "password"):
            self.secret(name)
        spot_pack.write(folder / "packs")
        content = yaml.safe_load(example_yaml())
        content["master_key_file"] = f"{folder}/master.key"
        content["mail"] |= {"password_file": f"{folder}/password", "ca_file": f"{folder}/ca.crt"}
        content["dicom"]["tls"] = {
            "port": 2762,
            "certificate_file": f"{folder}/box.crt",
            "key_file": f"{folder}/box.key",
            "ca_file": f"{folder}/ca.crt",
        }
        content["packs"] = {"folder": f"{folder}/packs"}
        self.content = content
        self.write()

    def issue(self, leaf: trustme.LeafCert) -> None:
        (self.folder / "box.crt").write_bytes(leaf.cert_chain_pems[0].bytes())
        (self.folder / "box.key").unlink(missing_ok=True)
        (self.folder / "box.key").touch(mode=0o600)
        (self.folder / "box.key").write_bytes(leaf.private_key_pem.bytes())

    def secret(self, name: str, text: str = "words\n", mode: int = 0o600) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(mode)

    def write(self) -> None:
        self.yaml.write_text(yaml.safe_dump(self.content, sort_keys=False))

    def faults(self) -> tuple[Fault, ...]:
        with pytest.raises(ConfigFaults) as caught:
            check_site(self.yaml, NOW.timestamp())
        return caught.value.faults

    def only(self) -> Fault:
        (fault,) = self.faults()
        assert fault.fix
        written = self.yaml.read_text().splitlines()[fault.line - 1]
        assert fault.key.rpartition(".")[2].partition("[")[0] in written
        return fault


@pytest.fixture
def place(tmp_path: Path) -> Place:
    # Open, as /etc is: a closed folder would close what lies in it.
    tmp_path.chmod(0o755)
    return Place(tmp_path)


def test_a_place_in_order_has_no_fault(place: Place) -> None:
    assert check_site(place.yaml, NOW.timestamp()) == load_site(place.yaml)


def test_a_secret_that_others_may_read_is_told(place: Place) -> None:
    place.secret("password", mode=0o644)
    fault = place.only()
    assert (fault.key, "644" in fault.problem) == ("mail.password_file", True)
    assert "chmod 600" in fault.fix


def test_a_link_does_not_hide_an_open_secret(place: Place) -> None:
    closed = place.folder / "closed"
    closed.mkdir(mode=0o700)
    place.secret("elsewhere", mode=0o644)
    (closed / "password").symlink_to(place.folder / "elsewhere")
    place.content["mail"]["password_file"] = f"{closed}/password"
    place.write()
    assert "644" in place.only().problem


def test_a_secret_that_is_missing_or_empty_is_told(place: Place) -> None:
    (place.folder / "master.key").unlink()
    place.secret("password", "\n")
    missing, empty = place.faults()
    assert "No such file" in missing.problem
    assert "holds nothing" in empty.problem


def test_an_expired_certificate_is_told_with_its_day(place: Place) -> None:
    ended = NOW - dt.timedelta(days=1)
    place.issue(trustme.CA().issue_cert("box.example", not_after=ended))
    fault = place.only()
    assert fault.key == "dicom.tls.certificate_file"
    assert f"{ended:%Y-%m-%d}" in fault.problem


def test_a_certificate_of_the_future_is_told(place: Place) -> None:
    begins = NOW + dt.timedelta(days=1)
    place.issue(trustme.CA().issue_cert("box.example", not_before=begins))
    assert "clock" in place.only().fix


def test_a_key_of_another_certificate_is_told(place: Place) -> None:
    other = trustme.CA().issue_cert("box.example")
    (place.folder / "box.key").write_bytes(other.private_key_pem.bytes())
    assert "does not belong" in place.only().problem


@pytest.mark.parametrize(
    ("file", "key"),
    [("box.crt", "dicom.tls.certificate_file"), ("box.key", "dicom.tls.key_file")],
)
def test_a_file_that_is_no_pem_is_told(place: Place, file: str, key: str) -> None:
    (place.folder / file).write_bytes(b"\x30\x82 no pem")
    fault = place.only()
    assert (fault.key, "PEM" in fault.problem) == (key, True)


def test_an_authority_that_is_missing_is_told(place: Place) -> None:
    place.content["mail"]["ca_file"] = f"{place.folder}/none.crt"
    place.write()
    assert place.only().key == "mail.ca_file"


def test_a_pack_that_is_missing_or_altered_is_told(place: Place) -> None:
    name = next(each.name for each in (place.folder / "packs").iterdir())
    place.content["packs"]["use"] = [{"name": name}, {"name": "dr-none"}]
    place.write()
    missing = place.only()
    assert missing.key == "packs.use[2].name"
    assert name in missing.fix
    (place.folder / "packs" / name / "network.onnx").write_bytes(b"other")
    place.content["packs"]["use"] = [{"name": name}]
    place.write()
    assert "pack-file-altered" in place.only().problem


def test_a_folder_without_packs_is_told(place: Place) -> None:
    shutil.rmtree(place.folder / "packs")
    assert "no folder" in place.only().problem
    (place.folder / "packs").mkdir()
    assert "no model pack" in place.only().problem


def test_a_yaml_that_everybody_may_change_is_told(place: Place) -> None:
    place.yaml.chmod(0o666)
    (fault,) = place.faults()
    assert "chmod o-w" in fault.fix


# --- odd files ------------------------------------------------------------------------------------


def test_a_link_to_the_yaml_is_followed(place: Place) -> None:
    link = place.folder / "link.yaml"
    link.symlink_to(place.yaml)
    assert load_site(link) == load_site(place.yaml)


@pytest.mark.parametrize("odd", ["missing", "folder", "pipe", "dangling", "loop", "device"])
def test_what_is_no_file_is_told(tmp_path: Path, odd: str) -> None:
    path = tmp_path / odd
    match odd:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "dangling":
            path.symlink_to(tmp_path / "nothing")
        case "loop":
            path.symlink_to(path)
        case "device":
            path.symlink_to("/dev/zero")
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert caught.value.code == "config-unreadable"
    assert str(path) in caught.value.detail


def test_a_file_that_this_user_may_not_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.touch(mode=0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(ConfigError, match="Permission denied"):
            load_site(path)
    finally:
        if is_root:
            os.seteuid(0)


def test_a_file_of_ten_megabytes_is_told_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    with path.open("wb") as file:
        file.truncate(10 << 20)
    with pytest.raises(ConfigFaults) as caught:
        load_site(path)
    (fault,) = caught.value.faults
    assert "too long" in fault.problem


@pytest.mark.parametrize(
    "encoded",
    [
        example_yaml().encode("utf-8-sig"),
        example_yaml().replace("\n", "\r\n").encode(),
    ],
)
def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path, encoded: bytes) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(encoded)
    assert load_site(path).dicom.ae_title == "OSTEON"


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("gb18030", "GB18030"), ("utf-16", "UTF-16"), ("utf-16-be", "UTF-16")],
)
def test_another_encoding_is_named(tmp_path: Path, encoding: str, word: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(example_yaml().replace("Qinghe", "清河").encode(encoding))
    with pytest.raises(ConfigFaults) as caught:
        load_site(path)
    assert word in caught.value.faults[0].problem
    assert "UTF-8" in caught.value.faults[0].fix
