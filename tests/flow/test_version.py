"""The screen that a regulator asks for, and the bill of materials."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import appliance
from appliance.cli.build import content_hash
from tests.simulators.box import OSTEON, ROOT

pytestmark = pytest.mark.timeout(120)
PURL = re.compile(r"pkg:pypi/[a-z0-9]+(-[a-z0-9]+)*@[^ /]+")


def version(*words: str | Path) -> str:
    done = subprocess.run(
        [*OSTEON, "version", "--packs", ROOT / "models", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_screen_names_product_build_and_each_model_with_its_manifest(tmp_path: Path) -> None:
    broken = tmp_path / "site.yaml"
    broken.write_text("dicom: [")
    screen = version("--config", broken)  # a box whose YAML is broken has versions all the same
    assert f"Osteon {appliance.__version__}" in screen
    assert content_hash() in screen
    assert "not accepted by this site" in screen
    told = json.loads(version("--json"))
    assert {each["name"] for each in told["models"]} >= {"ct-thorax-fracture", "dr-fracture"}
    for each in told["models"]:
        assert each["version"].count(".") == 3
        assert len(each["digest"]) == 64
        assert each["digest"] in screen


def test_the_bill_of_materials_lists_all_that_is_installed_with_licences() -> None:
    bill: dict[str, Any] = json.loads(version("--sbom"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    own = bill["metadata"]["component"]
    assert own["version"] == appliance.__version__
    assert own["hashes"] == [{"alg": "SHA-256", "content": content_hash()}]
    components = {each["name"]: each for each in bill["components"]}
    names = {each.metadata["Name"] for each in metadata.distributions()}
    assert len(components) >= len(names)  # the models beside them, ourselves not
    for name in ("pydicom", "openvino", "tink", "cryptography"):
        assert components[name]["version"] == metadata.version(name)
        assert components[name]["licenses"]
        assert PURL.fullmatch(components[name]["purl"])
    model = components["dr-fracture"]
    assert model["type"] == "machine-learning-model"
    assert len(model["hashes"][0]["content"]) == 64
    for name in ("ct-thorax-fracture", "dr-fracture"):
        (licence,) = components[name]["licenses"]
        assert licence["expression"].startswith("Apache-2.0 AND CC-BY-")


def test_every_reference_in_the_bill_leads_somewhere() -> None:
    bill: dict[str, Any] = json.loads(version("--sbom"))
    own = bill["metadata"]["component"]["bom-ref"]
    references = [own, *(each["bom-ref"] for each in bill["components"])]
    assert len(references) == len(set(references))
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert needs.keys() <= set(references)
    assert {to for each in needs.values() for to in each} <= set(references)
    assert any(each.startswith("pkg:pypi/pydicom@") for each in needs[own])
    assert any(each.startswith("model:") for each in needs[own])
