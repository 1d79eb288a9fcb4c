"""Where a role finds the device's key: sealed, or in clear on a machine that could not seal it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.config.example import example_yaml
from appliance.config.load import parse_site
from appliance.daemon.device_key import signer_of
from appliance.provision.identity import ensure_identity
from appliance.provision.keyseal import PlainSeal
from tests.simulators.box import ROOT

SITE = parse_site(example_yaml().encode(), "site.yaml")
CREDENTIALS = ("osteon-device-key", "osteon-device-key-in-clear")
UNITS = ROOT / "provisioning" / "systemd"


@pytest.mark.parametrize("given", CREDENTIALS)
def test_a_role_signs_with_whichever_credential_holds_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    identity, _ = ensure_identity(tmp_path / "identity", (PlainSeal(),), 0.0)
    for name in CREDENTIALS:  # systemd gives an empty line for the one that is not there
        (tmp_path / name).write_bytes(b"\n")
    (tmp_path / given).write_bytes((tmp_path / "identity/device-key.pem").read_bytes())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert signer_of(SITE).device_id == identity.device_id


def test_each_unit_that_signs_is_given_both() -> None:
    places = "LoadCredentialEncrypted={}:{}/device.key", "LoadCredential={}:{}/device-key.pem"
    wanted = {
        place.format(name, "/etc/osteon/identity")
        for place, name in zip(places, CREDENTIALS, strict=True)
    }
    signing = [
        lines
        for unit in UNITS.glob("*.service")
        if "osteon-device-key" in (lines := unit.read_text(encoding="utf-8"))
    ]
    assert len(signing) == 2
    for lines in signing:
        assert wanted <= set(lines.splitlines())
        assert re.findall(r"^SetCredential=(\S+):\\n$", lines, re.MULTILINE) == [*CREDENTIALS]
