"""`osteon update` as a technician types it: from nginx, from a stick, and what is shown of it."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.clock import SystemClock
from appliance.config.example import example_yaml
from appliance.signing import DeviceSigner, open_envelope
from appliance.update.layout import UpdateFolder
from appliance.update.offers import read_offers
from appliance.update.receipt import PAYLOAD_TYPE
from tests.simulators.box import OSTEON, ROOT, device_key
from tests.simulators.update_repository import NAME, RepositoryMaker
from tests.simulators.web_server import nginx

pytestmark = pytest.mark.timeout(600)
VERSION = "1.2.0.1"


class Technician:
    """Types commands on a box whose factory pack is the first release."""

    def __init__(self, folder: Path) -> None:
        now = datetime.fromtimestamp(SystemClock().now(), UTC).replace(microsecond=0)
        self.folder = folder
        self.maker = RepositoryMaker.of_this_checkout(folder / "repository", now)
        self.maker.make_pack("1.0.0.1").put(folder / "models" / NAME)
        device_key(folder / "device.key")
        self.config("")

    def config(self, update: str) -> None:
        """The site YAML, with this section."""
        text = example_yaml().replace("/usr/share/osteon/models", str(self.folder / "models"))
        text = text.replace("state_folder: /var/lib/osteon", f"state_folder: {self.folder}/state")
        text += f"device_key_file: {self.folder}/device.key\n{update}"
        (self.folder / "site.yaml").write_text(text)

    def types(self, *words: str | Path, status: int = 0) -> str:
        """`osteon update ...`; what it says."""
        done = subprocess.run(
            [*OSTEON, "update", *words, "--config", self.folder / "site.yaml"],
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            cwd=ROOT,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def reads(self, *words: str | Path) -> Any:
        """The same as a program reads it."""
        return json.loads(self.types(*words, "--json"))

    @property
    def update(self) -> UpdateFolder:
        return UpdateFolder(self.folder / "state" / "update")


def test_a_box_takes_a_model_from_a_web_server(tmp_path: Path) -> None:
    technician = Technician(tmp_path)
    assert "takes no updates" in technician.types("status")
    assert "update-not-configured" in technician.types("check", status=1)
    technician.maker.release(technician.maker.make_pack(VERSION, 2))
    with nginx(technician.maker.folder, tmp_path / "nginx") as web:
        technician.config(f"update:\n  url: {web.url}\n  ca_file: {web.ca_file}\n")
        assert "update-floor-missing" in technician.types("check", status=1)
        technician.types("reset-floor", "--by", "A. Chen", "--reason", "switched on")
        assert "new for this box" in technician.types("check")
        assert technician.reads("check")["outstanding"] == [NAME]
        said = technician.types("apply")
        assert f"{NAME} {VERSION}: fetched; its trial begins" in said
        assert read_offers(technician.update.offers).offers[NAME].version == VERSION
        assert technician.types("apply", "--when-due") == ""
    status = technician.types("status")
    assert VERSION in status
    assert all(len(line) <= 80 for line in status.splitlines())
    (entry,) = [each for each in technician.reads("history") if each["what"] == "floor-reset"]
    assert (entry["by"], entry["reason"]) == ("A. Chen", "switched on")
    # The server has gone: what is offered stays, and it is said.
    assert "update-source-unreachable" in technician.types("check", status=1)
    assert "failed" in technician.types("status")
    assert read_offers(technician.update.offers).offers[NAME].version == VERSION
    status_file = json.loads((technician.update.root / "status.json").read_bytes())
    assert status_file["payloadType"].endswith("fleet-status+json")


def test_a_box_takes_a_model_from_a_stick_and_leaves_a_receipt(tmp_path: Path) -> None:
    technician = Technician(tmp_path)
    pack = technician.maker.release(technician.maker.make_pack(VERSION, 2))
    begun = technician.types("reset-floor", "--by", "A. Chen", "--reason", "no network", "--json")
    assert '"tied_to_tpm": false' in begun  # see conftest.py
    said = technician.types("apply", "--from", technician.maker.folder)
    assert re.search(r"signed by the maker on \S+Z, 0\.0 days ago", said)
    assert "receipt" in said
    (receipt,) = (technician.maker.folder / "receipts").iterdir()
    signer = DeviceSigner.from_pem((tmp_path / "device.key").read_bytes())
    told = json.loads(open_envelope(receipt.read_bytes(), [signer.public_key], PAYLOAD_TYPE))
    assert told["device_id"] == signer.device_id
    assert told["offered"] == [{"name": NAME, "version": VERSION, "digest": pack.digest}]
    assert technician.reads("apply", "--from", technician.maker.folder)["outstanding"] == []


def test_a_machine_that_was_not_flashed_says_whose_its_system_is(tmp_path: Path) -> None:
    technician = Technician(tmp_path)
    for verb in ("go-on", "rollback", "restart", "healthy"):
        assert "os-not-an-image" in technician.types("os", verb, status=1)
    assert technician.reads("status")["os"] is None


def test_a_floor_is_not_begun_anew_without_a_reason(tmp_path: Path) -> None:
    technician = Technician(tmp_path)
    said = technician.types("reset-floor", "--by", "A. Chen", "--reason", " ", status=2)
    assert "update-floor-unexplained" in said
