"""The site YAML as it should be: what loads, what the example says, where secrets may lie."""

import os
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from appliance.config.example import example_yaml, one_line
from appliance.config.load import load_site, parse_site
from appliance.config.option import Section, bounds, section_of
from appliance.config.schema import Site
from appliance.config.secrets import read_secret, secret_place
from appliance.domain import Bone
from appliance.errors import ConfigError

SMALLEST = b"""
site: {name: Qinghe, language: zh, time_zone: Asia/Shanghai}
dicom:
  ae_title: "OSTEON"
  modalities:
    - {ae_title: "0104", address: 10.0.0.0/24}
mail: {host: mail.example, port: 587, security: starttls, sender: box@site.example}
alerts:
  steps: [{email: [night@site.example]}]
  technician: {email: [it@site.example]}
"""


def _with_every_option(example: str) -> str:
    """Take the `#` of the first column out of every commented-out key."""
    return re.sub(r"(?m)^#((?:  )*)(?=\S)", r"\1", example)


def _sections(section: type[Section] = Site) -> list[type[Section]]:
    inner = [section_of(info.annotation) for info in section.model_fields.values()]
    return [section, *(found for one in inner if one for found in _sections(one))]


def test_the_smallest_site_loads_with_defaults() -> None:
    site = parse_site(SMALLEST, "site.yaml")
    assert site.dicom.modalities[0].ae_title == "0104"
    assert str(site.dicom.modalities[0].address) == "10.0.0.0/24"
    assert site.dicom.port == 11112
    assert site.dicom.tls is None
    assert site.packs.use == ()
    assert site.pacs == ()
    assert site.results.send_below_threshold is False


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    raw = b"\xef\xbb\xbf" + SMALLEST.replace(b"\n", b"\r\n")
    assert parse_site(raw, "site.yaml") == parse_site(SMALLEST, "site.yaml")


def test_a_site_cannot_be_changed() -> None:
    site = parse_site(SMALLEST, "site.yaml")
    with pytest.raises(ValueError, match="frozen"):
        site.dicom.port = 104  # type: ignore[misc]


def test_the_example_loads_as_it_is() -> None:
    site = parse_site(example_yaml().encode(), "example")
    assert site.alerts.steps[0].printers == ("night-desk",)
    assert site.dicom.tls is None


def test_the_example_loads_with_every_option_taken_in() -> None:
    site = parse_site(_with_every_option(example_yaml()).encode(), "example")
    assert site.dicom.tls is not None
    assert site.urgency[0].bones == (Bone.VERTEBRA,)
    assert site.packs.use[0].device == "cpu"


def test_the_example_names_every_key_and_what_it_is_for() -> None:
    keys = set(re.findall(r"^ *(?:- )?(\w+):", _with_every_option(example_yaml()), re.MULTILINE))
    words = " ".join(line.strip("# ") for line in example_yaml().splitlines())
    for section in _sections():
        for name, info in section.model_fields.items():
            assert name in keys
            assert info.description is not None
            assert info.description in words


@pytest.mark.parametrize("section", set(_sections()), ids=lambda section: section.__name__)
def test_every_number_has_bounds_and_every_key_an_example(section: type[Section]) -> None:
    for name, info in section.model_fields.items():
        assert one_line(info), name
        if info.annotation in {int, float} or info.annotation in {int | None, float | None}:
            assert bounds(info) is not None, name
        if info.default is not PydanticUndefined and isinstance(info.default, int | float):
            low, high = bounds(info) or (0, 1)
            assert low <= info.default <= high, name


def test_loading_opens_nothing_but_the_file(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_bytes(SMALLEST + f"state_folder: {tmp_path}/state\n".encode())
    assert load_site(file).state_folder == f"{tmp_path}/state"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file") as caught:
        load_site(tmp_path / "none.yaml")
    assert caught.value.code == "config-unreadable"


def _secret(folder: Path, content: bytes, mode: int) -> Path:
    folder.chmod(0o755)
    file = folder / "password"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_a_secret_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    assert read_secret(_secret(tmp_path, b"s3cret \nsecond\n", 0o600)) == "s3cret "


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (b"s3cret", 0o640, "secret-exposed"),
        (b"s3cret", 0o604, "secret-exposed"),
        (b"\nsecond line", 0o600, "secret-empty"),
        (b"\xff\xfe", 0o600, "secret-unreadable"),
    ],
)
def test_a_bad_secret_is_refused(tmp_path: Path, content: bytes, mode: int, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_secret(_secret(tmp_path, content, mode))
    assert caught.value.code == code
    assert "s3cret" not in str(caught.value)


def test_a_missing_secret_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_secret(tmp_path / "none")
    assert caught.value.code == "secret-unreadable"


def test_a_secret_that_the_yaml_does_not_name_is_a_systemd_credential(tmp_path: Path) -> None:
    environment = {"CREDENTIALS_DIRECTORY": os.fspath(tmp_path)}
    assert secret_place(None, "master-key", environment) is None
    (tmp_path / "master-key").touch()  # what the unit sets where there is no such file
    assert secret_place("/etc/osteon/k", "master-key", environment) == Path("/etc/osteon/k")
    (tmp_path / "master-key").write_text("key")
    assert secret_place(None, "master-key", environment) == tmp_path / "master-key"
    assert secret_place("/etc/osteon/k", "master-key", environment) == tmp_path / "master-key"
    assert secret_place("/etc/osteon/k", "master-key", {}) == Path("/etc/osteon/k")
    assert secret_place(None, "master-key", {}) is None
